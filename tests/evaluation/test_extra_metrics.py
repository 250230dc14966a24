from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from geometry.camera import intrinsics_matrix
from selfsup_depth.evaluation.accumulator import EvaluationResult, ScoreAccumulator
from selfsup_depth.evaluation.cameras import camera_of_image
from selfsup_depth.evaluation.extras import (
    EXTRA_NAMES,
    ExtraScores,
    ExtraSettings,
    PlacedPrediction,
    extra_means,
    extra_scores,
)
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.reporting import print_result, summarise, write_per_image, write_summary

SIZE = 48
CAMERA = camera_of_image(intrinsics_matrix(12.0, 12.0, 12.0, 12.0), SIZE // 2, SIZE // 2)
EVERYTHING = ExtraSettings(EXTRA_NAMES, thresholds=(0.1, 0.2))
METRIC, MONO = ScoringMode(align=False), ScoringMode(align=True, metric=False)


def step(column: int) -> np.ndarray:
    depth = np.full((SIZE, SIZE), 4.0)
    depth[:, :column] = 2.0
    return depth


def inverse(depth: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(1 / depth.astype(np.float32))[None]


def placed(depth: np.ndarray, valid: np.ndarray | None = None, camera=CAMERA) -> PlacedPrediction:
    valid = np.ones((SIZE, SIZE), bool) if valid is None else valid
    return PlacedPrediction(depth, step(20), valid, 3.0, camera, farthest=5.0)


def accumulated(mode: ScoringMode, factor: float = 1.0) -> EvaluationResult:
    accumulator = ScoreAccumulator(PROTOCOLS["simsin"], mode, extras=EVERYTHING)
    accumulator.add(inverse(factor * step(22)), step(20), "room 0 l", CAMERA)
    sparse = step(20)
    sparse[:, 1::2] = 0
    accumulator.add(inverse(factor * step(20)), sparse, "room 1 l", CAMERA)
    accumulator.add(inverse(factor * step(20)), None, "room 2 l", CAMERA)
    return accumulator.result()


def test_the_camera_is_of_the_scored_size():
    # 24x24 pixels with f = 12 are 90 degrees; so are 48x48 with f = 24.
    assert CAMERA(SIZE, SIZE).tolist() == [[24, 0, 24], [0, 24, 24], [0, 0, 1]]
    assert CAMERA(SIZE, 24).tolist() == [[12, 0, 12], [0, 24, 24], [0, 0, 1]]


def test_every_number_of_every_extra():
    scores = extra_scores(placed(step(23)), EVERYTHING)
    assert not scores.skipped
    assert list(scores.values) == [
        "edge_acc", "edge_comp", "no_edges", "dir_acc", "dir_minus", "dir_plus",
        "chamfer", "precision@0.1", "recall@0.1", "f_score@0.1", "iou@0.1",
        "precision@0.2", "recall@0.2", "f_score@0.2", "iou@0.2",
        "abs_rel 2-5 m", "rmse 2-5 m", "bias 2-5 m", "share 0-2 m", "share 2-5 m",
    ]  # fmt: skip
    assert (scores.values["edge_acc"], scores.values["no_edges"]) == (3.0, 0.0)
    assert scores.values["dir_minus"] == pytest.approx(100 * 3 / SIZE)  # three columns are seen before the plane
    assert scores.values["dir_acc"] == pytest.approx(100 * 45 / SIZE)
    assert (scores.values["abs_rel 2-5 m"], scores.values["share 0-2 m"]) == pytest.approx((0.5 * 3 / SIZE, 0))


def test_nothing_is_scored_unless_asked():
    assert extra_scores(placed(step(20)), ExtraSettings()) == ExtraScores()
    assert list(extra_scores(placed(step(20), camera=None), ExtraSettings(("edges",))).values)[0] == "edge_acc"


def test_sparse_truth_still_has_sides():
    sparse = np.zeros((SIZE, SIZE), bool)
    sparse[::2, ::2] = True
    scores = extra_scores(placed(step(20), sparse), ExtraSettings(("edges",)))
    assert list(scores.values) == ["dir_acc", "dir_minus", "dir_plus"] and scores.values["dir_acc"] == 100
    assert scores.skipped["edges"].startswith("Edges need dense ground truth, but 25.0 % of the pixels are valid")


def test_truth_without_edges_is_skipped():
    flat = PlacedPrediction(step(20), np.full((SIZE, SIZE), 2.0), np.ones((SIZE, SIZE), bool), 3.0, None)
    assert extra_scores(flat, ExtraSettings(("edges",))).skipped == {"edges": "the ground truth has no depth edge"}


def test_a_flat_prediction_is_counted():
    scores = extra_scores(placed(np.full((SIZE, SIZE), 3.0)), ExtraSettings(("edges",)))
    assert scores.values["no_edges"] == 100.0 and not scores.skipped


def test_predictions_that_are_not_finite_are_skipped_and_said():
    broken = step(20)
    broken[0, 0] = np.nan
    scores = extra_scores(placed(broken), EVERYTHING)
    assert not scores.values
    assert scores.skipped == {name: "the prediction is not finite" for name in EXTRA_NAMES}


def test_point_clouds_without_a_camera():
    with pytest.raises(ValueError, match="need the camera of each image"):
        extra_scores(placed(step(20), camera=None), EVERYTHING)


def test_means_are_over_the_images_that_have_the_number():
    means = extra_means([ExtraScores({"a": 1.0}), ExtraScores(), ExtraScores({"a": 3.0, "b": 5.0})])
    assert [(mean.name, mean.mean, mean.images) for mean in means] == [("a", 2.0, 2), ("b", 5.0, 1)]


def test_extras_are_of_the_headline():
    """Twice too far: the un-aligned cloud is metres off, the aligned one nearly right."""
    metric, mono = accumulated(METRIC, 2.0), accumulated(MONO, 2.0)
    values = [{extra.name: extra for extra in result.extras} for result in (metric, mono)]
    assert values[0]["chamfer"].mean > 2 and values[1]["chamfer"].mean < 0.1
    # A jump lies between two pixels, and rounding says which of them is its edge.
    assert values[0]["edge_acc"].mean == pytest.approx(values[1]["edge_acc"].mean, abs=0.5)
    assert (values[0]["edge_acc"].images, values[0]["chamfer"].images) == (1, 2)
    assert list(metric.extras_skipped) == ["edges"] and list(metric.extras_skipped["edges"]) == ["room 1 l"]


def test_in_files_and_tables(tmp_path: Path):
    result = accumulated(METRIC)
    write_per_image(result, tmp_path / "per_image.csv")
    rows = list(csv.DictReader((tmp_path / "per_image.csv").read_text().splitlines()))
    assert float(rows[0]["edge_acc"]) == 2.0 and float(rows[0]["f_score@0.1"]) > 90
    assert rows[1]["edge_acc"] == "" and float(rows[1]["dir_acc"]) == 100.0
    assert rows[2]["chamfer"] == ""

    write_summary(summarise(result, None, {}), tmp_path / "summary.json")
    extras = json.loads((tmp_path / "summary.json").read_text())["extra_metrics"]
    assert extras["of"] == "un-aligned" and extras["means"]["edge_acc"] == {"mean": 2.0, "images": 1}
    assert extras["not_scored"]["edges"]["room 1 l"].startswith("Edges need dense ground truth")

    console = Console(file=io.StringIO(), width=80)
    print_result(result, None, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "depth edges (un-aligned), pixels; predictions without any, %, 1 images:" in text
    assert "side of the plane at 3 m (un-aligned), %, 2 images:" in text
    assert "point clouds (un-aligned), % nearer than 0.2 m, 2 images:" in text
    assert "abs_rel by true distance (un-aligned), 2 images:" in text and "2-5 m" in text
    assert "edges: 1 images without (all of) its numbers, the first, room 1 l: Edges need dense" in text
    assert max(map(len, text.split("scored; result")[0].splitlines())) <= 80
