"""The benchmark of several processes, on a size that tells nothing about speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import scale

TINY = "--height 64 --width 96 --batch_size 2 --encoder mobilenetv3_small_050 --pose_model_type posecnn --use_stereo"


def test_it_compares_the_same_batch_in_one_process_and_in_two(tmp_path: Path, capfd) -> None:
    path = tmp_path / "scale.json"
    timings = scale.main(["--rounds", "2", "--json", str(path), *TINY.split()])
    assert list(timings) == ["one", "shared", "kept"]
    assert all(len(timing.wall_s) == len(timing.cpu_s) == 2 and min(timing.cpu_s) > 0 for timing in timings.values())
    told = json.loads(path.read_text())
    assert (told["processes"], told["batch_size"], told["size"]) == (2, 2, "96x64")
    assert told["gradient_megabytes"] > 1
    out = capfd.readouterr().out
    assert "| shared |" in out and "throughput of 2 processes: " in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch_size", "1"], "--batch_size 1 is that of all 2 processes: give at least 2"),
        (["--processes", "999", "--batch_size", "999"], "--processes 999: this machine has"),
        (["--rounds", "0"], "--rounds: expected at least 1, found 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(options: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit):
        scale.main(options)
    assert message in capsys.readouterr().err
