from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from selfsup_depth.evaluation.accumulator import EvaluationResult, evaluate
from selfsup_depth.evaluation.baselines import constant_baseline
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.reporting import print_result, summarise, write_per_image, write_summary

BUILTIN = PROTOCOLS["builtin"]
MONO = ScoringMode(align=True, metric=False, scale_source="the checkpoint runs/m is up to scale")


def result(mode: ScoringMode) -> EvaluationResult:
    stream = [
        (torch.full((1, 2, 2), 0.1), np.full((2, 2), 20.0), "road 0 l"),
        (torch.full((1, 2, 2), 0.1), np.zeros((2, 2)), "sky, only 1 l"),
    ]
    return evaluate(stream, BUILTIN, mode)


def printed(mode: ScoringMode) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_result(result(mode), constant_baseline([np.array([20.0, 20.0])], BUILTIN), console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_one_csv_row_per_image(tmp_path: Path):
    write_per_image(result(ScoringMode(align=False)), tmp_path / "new" / "per_image.csv")
    with (tmp_path / "new" / "per_image.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["road 0 l", "sky, only 1 l"]
    assert float(rows[0]["unaligned_abs_rel"]) == pytest.approx(0.5)
    assert float(rows[0]["aligned_abs_rel"]) == pytest.approx(0, abs=1e-6)
    assert (rows[0]["valid_pixels"], rows[0]["ratio"][:3]) == ("4", "2.0")
    assert (rows[1]["valid_pixels"], rows[1]["ratio"], rows[1]["aligned_abs_rel"]) == ("0", "", "")


def test_both_columns_are_shown_and_the_headline_is_marked():
    metric = printed(ScoringMode(align=False))
    assert "> un-aligned (metres)" in metric and "  aligned (median)" in metric
    assert "0.500" in metric and "constant 20.00 m" in metric
    assert "1 of 2 images scored; result: un-aligned" in metric
    assert "median 2.000" in metric
    assert "1 images without valid ground truth, in no mean: sky, only 1 l" in metric


def test_baselines_are_explained():
    text = printed(MONO)
    assert "  each image's median" in text and "so it can be the worse of the two" in text
    console = Console(file=io.StringIO(), width=80)
    print_result(result(MONO), None, console)
    assert "dim rows" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_up_to_scale_says_not_metric():
    mono = printed(MONO)
    assert "> aligned (median)" in mono and "not metric" in mono
    assert "the checkpoint runs/m is up to scale" in mono and "0.500" not in mono


def test_kitti_shows_seven_numbers_and_files_hold_mae_too(tmp_path: Path):
    text = printed(ScoringMode(align=False))
    assert "abs_rel  sq_rel" in text and "mae" not in text
    write_per_image(result(ScoringMode(align=False)), tmp_path / "per_image.csv")
    row = next(csv.DictReader((tmp_path / "per_image.csv").read_text().splitlines()))
    assert float(row["unaligned_mae"]) == pytest.approx(10.0) and list(row)[4:11] == [
        f"aligned_{name}" for name in ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
    ]


def test_distdepths_table_begins_with_mae_and_fits_80_columns():
    stream = [(torch.full((1, 2, 2), 0.5), np.full((2, 2), 3.0), "room 0 l")]
    console = Console(file=io.StringIO(), width=80)
    scores = evaluate(stream, PROTOCOLS["simsin"], ScoringMode(align=False))
    print_result(scores, constant_baseline([np.array([3.0, 3.0])], PROTOCOLS["simsin"]), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    header = next(line for line in text.splitlines() if "abs_rel" in line)
    assert header.split() == ["mae", "abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3"]
    row = next(line for line in text.splitlines() if line.startswith("> un-aligned"))
    assert row.split()[3:5] == ["1.000", "0.333"]  # 2 m for 3 m


def test_summary_holds_what_is_needed_to_read_the_numbers(tmp_path: Path):
    write_summary(summarise(result(MONO), None, {"checkpoint": {"folder": "runs/m"}}), tmp_path / "summary.json")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["protocol"]["name"] == "builtin" and summary["protocol"]["version"] == 1
    assert summary["counts"] == {"images": 2, "scored": 1, "without_ground_truth": 1, "prediction_not_finite": 0}
    assert summary["without_ground_truth"] == ["sky, only 1 l"]
    assert summary["headline"]["column"] == "aligned"
    assert summary["unaligned"] is None and summary["unaligned_note"].startswith("not metric: the checkpoint")
    assert summary["checkpoint"] == {"folder": "runs/m"} and summary["library_version"]
