"""Ground truth that is up to one factor itself (COLMAP's points): aligned scores, and nothing is called metres."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from colmap_files import MANY, WALL, save_image, wall_project
from painted_depth import METHOD, PaintedDepth, painted, red_of, write_painted_checkpoint
from posed_wall import see_wall

import evaluate_depth
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.modes import RELATIVE_TRUTH, PredictionUnit, scoring_mode, validation_mode
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.methods import METHODS

COLMAP = PROTOCOLS["colmap"]
SCORES = ("abs_rel", "rmse_log", "a1")  # those without a unit


@pytest.fixture(autouse=True)
def _painted_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, METHOD, PaintedDepth)


def painted_project(root: Path, unit: float, bias: float = 1.0) -> Path:
    """Images whose depth the painted checkpoint reads off them; one part of each is told `bias` times too deep."""
    project = wall_project(6, pixels=MANY, unit=unit)
    project.write(root / "sparse", binary=True)
    for shot, metric in zip(project.shots, wall_project(6).shots, strict=True):
        _, depth = see_wall(metric.world_T_camera, WALL)
        depth[:, :40] *= bias
        save_image(root, shot.name, painted(red_of(depth)))
    return root


def evaluate(root: Path, *more: str, metres_per_unit: float | None = 2.0) -> dict:
    """What `summary.json` says of the painted checkpoint on the whole project."""
    weights = write_painted_checkpoint(root / "weights", metres_per_unit=metres_per_unit, height=64, width=96)
    words = ["--dataset", "colmap", "--data_path", str(root), "--load_weights_folder", str(weights), "--eval_split"]
    words += ["test", "--eval_out_dir", str(root / "out"), "--num_workers", "0", "--no_cuda"]
    assert evaluate_depth.main([*words, *more]) == 0
    return json.loads((root / "out" / "summary.json").read_text())


def test_exact_depth_is_exact_in_any_unit(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for unit in (1.0, 0.001, 250.0):
        summary = evaluate(painted_project(tmp_path / str(unit), unit), "--eval_mono")
        assert summary["protocol"]["name"] == "colmap" and summary["counts"]["scored"] == 6
        assert summary["headline"]["column"] == "aligned" and summary["aligned"]["abs_rel"] < 0.005  # 8 bits of red
        assert summary["ratio"]["median"] == pytest.approx(1 / unit, rel=0.01)  # the unit of a metric model
        printed = capsys.readouterr().out
        assert "result: aligned (the ground truth is up to one factor)" in printed
        assert "abs_rel" in printed and not re.search(r"metres|metric|\dm\b|\d m\b", printed)


def test_scores_do_not_depend_on_the_unit_and_see_errors(tmp_path: Path):
    summaries = [
        evaluate(painted_project(tmp_path / f"{unit} {metric}", unit, 1.3), "--eval_mono", metres_per_unit=metric)
        for unit, metric in ((1.0, 2.0), (0.001, 2.0), (250.0, None))
    ]
    first = summaries[0]["aligned"]
    assert first["abs_rel"] > 0.08
    for other in summaries[1:]:
        scores = [other["aligned"][name] for name in SCORES]
        assert scores == pytest.approx([first[name] for name in SCORES], rel=0.02)
        assert other["unaligned"] is None and other["unaligned_note"] == f"not metric: {RELATIVE_TRUTH}"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--eval_stereo"], r"--eval_stereo is about metres, but the ground truth of protocol colmap is up to one"),
        (["--eval_mono", "--disable_median_scaling"], "--disable_median_scaling is about metres"),
        (["--eval_mono", "--pred_depth_scale_factor", "5.4"], "--pred_depth_scale_factor is about metres"),
        (["--eval_mono", "--protocol", "indoor"], r"Protocol indoor is about metres, but .* colmap is up to one"),
    ],
)
def test_metres_are_refused(tmp_path: Path, option: list[str], message: str):
    with pytest.raises(UserError, match=message):
        evaluate(painted_project(tmp_path, 3.0), *option)


def test_extra_metrics_in_metres_are_not_given(tmp_path: Path):
    root = painted_project(tmp_path, 3.0)
    extras = evaluate(root, "--eval_mono", "--extra_metrics", "edges", "distances", "point_cloud")["extra_metrics"]
    assert extras["means"] == {}  # edges of scattered points are none, and which side of 10 m they are is not known
    for metric in ("distances", "point_cloud"):
        assert set(extras["not_scored"][metric].values()) == {f"it is about metres, but {RELATIVE_TRUTH}"}
    assert all("dense ground truth" in reason for reason in extras["not_scored"]["edges"].values())


def test_training_aligns_even_what_is_metric():
    for metric in (True, False):
        mode = validation_mode(metric, COLMAP)
        assert mode.align and not mode.metric
        assert scoring_mode(EvaluateConfig(eval_mono=True), COLMAP, PredictionUnit(metric, "it")) == mode
    assert not validation_mode(True, PROTOCOLS["folder"]).align
    assert validation_mode(False, PROTOCOLS["folder"]).align


def test_nothing_of_a_reconstruction_is_cut(tmp_path: Path):
    for unit in (1e-3, 1e3):
        depth = np.array([[0.0, 2.0, 500.0]]) / unit
        assert COLMAP.valid_mask(depth).tolist() == [[False, True, True]]
        assert COLMAP.min_depth < depth[0, 1] and depth[0, 2] < COLMAP.max_depth
