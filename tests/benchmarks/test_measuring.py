"""How benchmarks measure: in turns, by the right clock, and what they say of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from PIL import Image
from rich.console import Console

from benchmarks.measuring import Timing, machine, measure, plot_ratios, ratio, table, write_json

FAST = Timing(cpu_s=(1.0, 1.0, 2.0), wall_s=(4.0, 4.0, 4.0))
SLOW = Timing(cpu_s=(3.0, 4.0, 9.0), wall_s=(4.0, 2.0, 1.0))


def spin(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


def test_ways_take_turns_and_every_other_round_goes_backwards():
    called = []
    found = measure({name: lambda name=name: called.append(name) for name in "abc"}, rounds=3)
    assert "".join(called) == "cba" + "abc" + "cba" + "abc"  # the first round warms up and is not counted
    assert {len(timing.cpu_s) for timing in found.values()} == {3}


def test_waiting_is_wall_time_and_computing_both():
    found = measure({"waits": lambda: time.sleep(0.05), "computes": lambda: spin(0.05)}, rounds=2, warm_ups=0)
    assert found["waits"].seconds("wall") >= 0.05
    assert found["waits"].seconds("cpu") < 0.02
    assert found["computes"].seconds("cpu") >= 0.05


def test_the_time_of_child_processes_that_ended_counts():
    code = "import time\nwhile time.process_time() < 0.2: pass"
    found = measure({"child": lambda: subprocess.run([sys.executable, "-c", code], check=True)}, 1, warm_ups=0)
    assert found["child"].seconds("cpu") >= 0.15


def test_ratios_are_of_medians():
    timings = {"plain": SLOW, "ours": FAST}
    assert ratio(timings, "ours", "plain") == 4.0
    assert ratio(timings, "ours", "plain", "wall") == 0.5
    assert SLOW.spread("cpu") == pytest.approx((6.5 - 3.5) / 4)


def test_what_is_printed_is_a_table_of_markdown(capsys):
    Console(width=120).print(table({"plain": SLOW, "ours": FAST}, "plain", items=2, of="image"))
    rows = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [cell.strip() for cell in rows[0].strip("|").split("|")] == [
        "way", "cpu ms/image", "spread", "times plain", "wall ms/image",
    ]  # fmt: skip
    assert set(rows[1]) <= set("|-: ")
    assert [cell.strip() for cell in rows[3].strip("|").split("|")] == ["ours", "500", "50%", "4.00", "2000"]


def test_files_hold_every_round_and_the_machine(tmp_path):
    path = tmp_path / "results" / "step.json"
    write_json(path, {"batch 1": {"plain": SLOW, "ours": FAST}}, "plain", images=7)
    told = json.loads(path.read_text())
    assert told["settings"]["batch 1"]["ours"]["cpu_s"] == [1.0, 1.0, 2.0]
    assert told["settings"]["batch 1"]["ours"]["times_base_cpu"] == 4.0
    assert (told["base"], told["images"]) == ("plain", 7)
    assert told["machine"]["cpu"] and told["machine"]["torch"] == machine()["torch"]
    plot_ratios(tmp_path / "plots" / "step.png", {"batch size": {1: {"plain": SLOW, "ours": FAST}}}, "plain")
    assert Image.open(tmp_path / "plots" / "step.png").size[0] > 300
