"""The benchmark of engines, in small: it runs, and its times are those of the engines."""

from __future__ import annotations

import time

import pytest
import torch

from benchmarks import latency


def test_it_runs_and_says_what_it_measured(monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    threads = torch.get_num_threads()
    words = ["--height", "64", "--width", "96", "--batches", "1", "3", "--rounds", "2", "mobilenetv3_small_050"]
    monkeypatch.setattr("sys.argv", ["latency", *words])
    monkeypatch.setenv("COLUMNS", "120")
    try:
        latency.main()
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "96x64, CPU, 1 threads, medians of 2"
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "mobilenetv3_small_050" in line]
    assert [row[:2] for row in rows] == [["mobilenetv3_small_050", "1"], ["mobilenetv3_small_050", "3"]]
    for _, _, own, exported, ratio in rows:
        assert 0 < float(own) < 5000 and 0 < float(exported) < 5000
        assert float(ratio) == pytest.approx(float(exported) / float(own), rel=0.1)


def test_times_are_medians_of_turns_without_the_first():
    """An engine that is slow when it is new and once by accident is not called slow."""
    seen = []

    def engine(name: str, waits: list[float]):
        def run() -> None:
            seen.append(name)
            time.sleep(waits[seen.count(name) - 1])

        return run

    engines = {"a": engine("a", [0.3, 0.02, 0.3, 0.02]), "b": engine("b", [0.0, 0.1, 0.1, 0.1])}
    seconds = latency.alternating(engines, 3)
    assert seen == ["a", "b"] * 4
    assert 0.02 <= seconds["a"] < 0.3 and seconds["b"] >= 0.1
