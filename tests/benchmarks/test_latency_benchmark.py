"""The benchmark of engines, in small: both run, and their ratio is told."""

from __future__ import annotations

import re

import pytest

from benchmarks import latency


def test_it_runs_and_tells_the_ratio_of_every_batch(monkeypatch, capsys):
    pytest.importorskip("onnxruntime", reason="needs the extra `export`")
    words = ["mobilenetv3_small_050", "--height", "64", "--width", "96", "--batches", "1", "2", "--rounds", "1"]
    monkeypatch.setattr("sys.argv", ["latency", *words])
    monkeypatch.setenv("COLUMNS", "120")  # names are not broken
    latency.main()
    out = capsys.readouterr().out
    assert "96x64, CPU, 1 threads" in out
    assert len(re.findall(r"mobilenetv3_small_050\D+[12]\D+\d+\D+\d+\D+\d+\.\d\d", out)) == 2
