"""Options that contradict each other, or that nothing would come of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.image_list import builtin_remark
from tests.evaluation.kitti_files import RedModel
from tests.evaluation.running import run

pytestmark = pytest.mark.usefixtures("in_tmp_path")

WEIGHTS, FILE = {"load_weights_folder": Path("weights")}, {"ext_disp_to_eval": Path("disps.npy")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of --eval_mono"),
        ({"eval_mono": True}, "either a checkpoint by --load_weights_folder or .*neither was found"),
        ({"eval_mono": True, **WEIGHTS, **FILE}, "both was found"),
        ({"eval_mono": True, "no_eval": True, **WEIGHTS}, "nothing to do without --save_pred_disps"),
        (
            {"eval_mono": True, "no_eval": True, "save_pred_disps": True, "gt_path": Path("x"), **WEIGHTS},
            "--gt_path is of no use with --no_eval",
        ),
        (
            {
                "eval_mono": True, "no_eval": True, "save_pred_disps": True, "pred_depth_scale_factor": 5.4, **WEIGHTS,
            },
            "--pred_depth_scale_factor is of no use with --no_eval",
        ),
        (
            {"eval_mono": True, "no_eval": True, "save_pred_disps": True, "disable_median_scaling": True, **WEIGHTS},
            "--disable_median_scaling is of no use with --no_eval",
        ),
        (
            {"eval_mono": True, "no_eval": True, "save_pred_disps": True, "extra_metrics": ("edges",), **WEIGHTS},
            "--extra_metrics is of no use with --no_eval",
        ),
        (
            {"eval_mono": True, "dataset": "kitti_depth", "depth_path": Path("x"), "gt_path": Path("y"), **WEIGHTS},
            "--depth_path and --gt_path both name the ground truth",
        ),
        (
            {"eval_mono": True, "eval_split": "eigen", "protocol": "benchmark", **WEIGHTS},
            "--eval_split eigen and --protocol benchmark do not belong together",
        ),
        (
            {"eval_mono": True, "eval_split": "benchmark", "protocol": "eigen", **WEIGHTS},
            "--eval_split benchmark and --protocol eigen do not belong together",
        ),
        (
            {"eval_stereo": True, "eval_split": "benchmark", "gt_path": Path("x"), **WEIGHTS},
            "--gt_path is of no use with --eval_split benchmark",
        ),
        (
            {"eval_stereo": True, "eval_split": "benchmark", "extra_metrics": ("edges",), **WEIGHTS},
            "--extra_metrics is of no use with --eval_split benchmark",
        ),
        ({"eval_mono": True, "dataset": "unisin", **WEIGHTS}, "unisin has no ground-truth depth"),
        ({"eval_mono": True, "depth_path": Path("improved"), **WEIGHTS}, "which protocol eigen does not use"),
        ({"eval_mono": True, "eval_eigen_to_benchmark": True, **WEIGHTS}, "use --eval_split eigen_benchmark"),
        ({"eval_mono": True, "post_process": True, **FILE}, "--post_process needs a network to run"),
        ({"eval_mono": True, "save_pred_disps": True, **FILE}, "--save_pred_disps needs a network to run"),
        ({"eval_mono": True, "eval_split": "odom_9", **WEIGHTS}, "odom_9 is a list for poses"),
        ({"eval_mono": True, "dataset": "stereo_folder", "eval_split": "eigen", **WEIGHTS}, "use --dataset kitti"),
        ({"eval_mono": True, "dataset": "stereo_folder", "protocol": "eigen", **WEIGHTS}, "--protocol stereo_folder"),
        ({"eval_mono": True, "dataset": "kitti_odom", **WEIGHTS}, "kitti_odom has no ground-truth depth"),
        ({"eval_mono": True, "dataset": "mine", **WEIGHTS}, "--dataset mine is not known .*: choose one of kitti, "),
        ({"eval_mono": True, "protocol": "garg", **WEIGHTS}, "no evaluation protocol 'garg'"),
        ({"eval_mono": True, "eval_split": "nowhere", "protocol": "eigen", **WEIGHTS}, "nowhere"),
    ],
)
def test_impossible_options(options, message, tmp_path):
    (tmp_path / "kitti").mkdir()
    with pytest.raises(UserError, match=message):
        run(RedModel() if "load_weights_folder" in options else None, data_path=tmp_path / "kitti", **options)


def test_the_built_in_drive_has_no_truth_of_kitti(tmp_path):
    with pytest.raises(UserError, match="--protocol eigen takes its ground truth from KITTI, but without --data_p"):
        run(RedModel(), eval_mono=True, protocol="eigen")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"point_cloud_thresholds": (0.2,)}, "--point_cloud_thresholds is of no use without --extra_metrics point_cl"),
        ({"point_cloud_queries": 10, "extra_metrics": ("edges",)}, "--point_cloud_queries is of no use without"),
        ({"point_cloud_thresholds": (), "extra_metrics": ("point_cloud",)}, "different distances above 0 .*found none"),
        ({"point_cloud_thresholds": (0.1, 0.1), "extra_metrics": ("point_cloud",)}, "found 0.1 0.1"),
        ({"point_cloud_thresholds": (0.1, -1.0), "extra_metrics": ("point_cloud",)}, "found 0.1 -1"),
        ({"point_cloud_thresholds": (float("nan"),), "extra_metrics": ("point_cloud",)}, "found nan"),
        ({"point_cloud_queries": -1, "extra_metrics": ("point_cloud",)}, "or 0 for all; found -1"),
    ],
)
def test_impossible_extra_metrics(options, message):
    with pytest.raises(UserError, match=message):
        EvaluateConfig(eval_mono=True, **options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"eval_split": "eigen"}, "--eval_split eigen is about data on disk, .*: give the folder .* as --data_path"),
        ({"gt_path": Path("gt.npz")}, "--gt_path gt.npz is about data on disk"),
        ({"depth_path": Path("improved"), "eval_split": "eigen"}, "--eval_split eigen and --depth_path improved are"),
        ({"dataset": "stereo_folder", "eval_split": "val"}, "--dataset stereo_folder is read from disk: give its fold"),
    ],
)
def test_options_about_data_on_disk_without_a_path(options, named):
    with pytest.raises(UserError, match=named):
        run(RedModel(), eval_mono=True, **options)


def test_an_unknown_data_set_is_said_as_in_training():
    said = r"--dataset builtin_rooms is not known \(did you mean builtin_indoor\?\): choose one of kitti, "
    with pytest.raises(UserError, match=said):
        run(RedModel(), eval_mono=True, dataset="builtin_rooms")


def test_a_list_that_stands_in_data_which_is_not_there():
    options: dict[str, object] = {"ext_disp_to_eval": FILE["ext_disp_to_eval"], "gt_path": Path("gt.npz")}
    np.save("disps.npy", np.ones((1, 2, 2), np.float32))
    with pytest.raises(UserError, match="--dataset simsin keeps no list of its own apart from its images: give --data"):
        run(dataset="simsin", eval_mono=True, **options)


@pytest.mark.parametrize(
    ("name", "trained_with", "other"),
    [
        ("builtin", {}, None),
        ("builtin", {"dataset": "builtin", "data_path": "/cache/drive"}, None),  # what a run on it stores
        ("builtin_indoor", {"dataset": "builtin_indoor", "data_path": "/cache/rooms"}, None),
        ("builtin", {"dataset": "builtin_indoor", "data_path": "/c"}, "--dataset builtin_indoor --data_path /c"),
        ("builtin", {"dataset": "kitti", "data_path": "/data/kitti"}, "--dataset kitti --data_path /data/kitti"),
    ],
)
def test_the_remark_on_built_in_footage(name, trained_with, other):
    remark = builtin_remark(name, trained_with)
    assert remark.startswith(f"no --data_path was given: the built-in synthetic footage ({name}) is scored")
    assert remark.partition("; ")[2] == (f"the checkpoint was trained on other data ({other})" if other else "")
