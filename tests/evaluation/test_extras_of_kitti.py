"""Extra metrics through the whole evaluation, on sparse ground truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import open_data
from selfsup_depth.evaluation.image_list import choose_list
from selfsup_depth.evaluation.prediction_sources import FromModel
from tests.evaluation.kitti_files import CX, CY, FX, RedModel, depth_of
from tests.evaluation.running import LINES, run, small


def test_sparse_truth_has_point_clouds_but_no_edges(data: Path):
    result, text = run(RedModel(), **small(eval_stereo=True, extra_metrics=("edges", "point_cloud")))
    assert result is not None
    means = {extra.name: extra.mean for extra in result.extras}
    assert "edge_acc" not in means and means["dir_acc"] == 100
    assert means["f_score@0.1"] == 100 and means["chamfer"] == pytest.approx(0, abs=1e-4)
    assert "edges: 5 images without (all of) its numbers, the first" in text
    assert "Edges need dense ground truth, but 13." in text


def test_point_clouds_are_seen_by_the_rectified_camera(data: Path):
    """Not by K_02, which is of the image before rectification; pixels count from the corner."""
    config = EvaluateConfig(eval_mono=True, **small())  # type: ignore[arg-type]
    opened = open_data(config, choose_list(config), (19, 62))
    camera = opened.camera(0)
    assert camera is not None
    assert camera(38, 124).tolist() == [[FX, 0, CX + 0.5], [0, FX, CY + 0.5], [0, 0, 1]]
    assert camera(19, 62)[0].tolist() == [FX / 2, 0, (CX + 0.5) / 2]


def test_stored_predictions_need_the_data_set_for_point_clouds_alone(data: Path, tmp_path: Path):
    frames = [int(line.split()[1]) for line in LINES]
    np.save("stored.npy", np.stack([1 / depth_of(frame) for frame in frames]))
    np.savez("gt.npz", data=np.stack([depth_of(frame) for frame in frames]))
    options: dict[str, object] = {"ext_disp_to_eval": Path("stored.npy"), "gt_path": Path("gt.npz"), "eval_mono": True}
    options |= {"eval_split": "lists", "protocol": "eigen"}
    dense, _ = run(extra_metrics=("edges",), **options)
    assert dense is not None and dense.extras[0].name == "edge_acc" and dense.extras[0].mean == 0
    clouds = ("point_cloud",)
    with pytest.raises(UserError, match="--extra_metrics point_cloud needs the camera of each image"):
        run(extra_metrics=clouds, **options)
    result, _ = run(extra_metrics=clouds, point_cloud_queries=50, data_path=Path("kitti"), **options)
    assert result is not None and result.extras[0].name == "chamfer" and result.extras[0].images == 5


# ------------------------------------------------------------------ what cannot happen from the command line


def test_parts_that_are_missing_are_said(data: Path):
    config = EvaluateConfig(eval_mono=True, no_eval=True, save_pred_disps=True, **small())  # type: ignore[arg-type]
    opened = open_data(config, choose_list(config), (38, 124))
    with pytest.raises(ValueError, match="opened without ground truth"):
        opened.ground_truths(0)
    model = FromModel(RedModel(), Path("weights"), config)
    with pytest.raises(ValueError, match="needs images to predict from"):
        model.stream(replace(opened, images=None))
