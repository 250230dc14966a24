"""Whoever has images without depth is told where that layout keeps it: of every layout that can have depth."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from colmap_files import MANY, write_colmap
from prepared_sets import prepare_pairs
from stereo_footage import write_stereo_folder
from tum_files import write_tum

from selfsup_depth.datasets import DATASETS, DatasetRequest, build_dataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import WHERE_DEPTH_LIES, open_data
from selfsup_depth.evaluation.image_list import choose_list
from selfsup_depth.evaluation.protocols import protocol_of_validation
from tests.datasets.indoor_files import write_nyu_folder, write_unisin, write_va
from tests.evaluation.kitti_files import write_improved_depth, write_kitti_raw
from tests.evaluation.running import LINES
from tests.evaluation.test_indoor_evaluation import write_simsin

SIZE = (32, 64)


def kitti(root: Path) -> Path:
    (root / "lists").mkdir(parents=True)
    (root / "lists" / "test_files.txt").write_text("\n".join(LINES))
    return write_improved_depth(write_kitti_raw(root, LINES), LINES)


def plain(root: Path) -> Path:
    return write_stereo_folder(root)


def prepared(root: Path) -> Path:
    footage = plain(root.parent / "footage")
    for path in footage.glob("*/depth/*"):
        path.unlink()
    return prepare_pairs(root, footage)


#: how the layout is written, which of its files are depth, and what the sentence says of their place
LAYOUTS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "kitti": (kitti, "**/velodyne_points/data/*.bin", "velodyne_points"),
    "kitti_depth": (kitti, "**/groundtruth/image_02/*.png", "proj_depth/groundtruth/image_02/NNNNNNNNNN.png"),
    "builtin": (kitti, "**/groundtruth/image_02/*.png", "proj_depth/groundtruth/image_02/NNNNNNNNNN.png"),
    "folder": (plain, "*/depth/*.png", "depth/NAME.png"),
    "stereo_folder": (plain, "*/depth/*.png", "depth/NAME.png"),
    "simsin": (write_simsin, "*/*_depth.npy", "NNN_0_depth.npy"),
    "builtin_indoor": (write_simsin, "*/*_depth.npy", "NNN_0_depth.npy"),
    "va": (write_va, "gt_depth_rectify/cam0_*.pfm", "gt_depth_rectify/cam0_frameNNNN.depth.pfm"),
    "nyuv2": (write_nyu_folder, "depth_val/*.npy", "depth_val/NNNNN.npy"),
    "tum": (lambda root: write_tum(root / "freiburg3_wall"), "depth.txt", "depth.txt"),
    "colmap": (lambda root: write_colmap(root, pixels=MANY), "sparse/0/points3D.bin", "points3D"),
    "prepared": (prepared, "never", "prepare_data.py"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_images_without_depth_are_told_where_it_lies(name: str, tmp_path: Path, in_tmp_path: None) -> None:
    write, depth, place = LAYOUTS[name]
    root = write(tmp_path / "data")
    options = {"eval_split": str(root / "lists")} if write is kitti else {}
    config = EvaluateConfig(
        load_weights_folder=Path("w"), dataset=name, data_path=root, num_workers=0, eval_mono=True, **options,
        protocol="indoor" if name == "prepared" else None,
    )  # fmt: skip
    files = sorted(root.glob(depth))
    if files:
        open_data(config, choose_list(config), SIZE)
        assert any(re.search(re.sub("NAME|N+", r"\\w+", place), str(path)) for path in files)  # where it lay
    for path in files:
        path.unlink()
    with pytest.raises(UserError, match=f"no ground-truth depth to score against, for any of its .*{place}"):
        open_data(config, choose_list(config), SIZE)


def test_no_layout_is_forgotten() -> None:
    always_or_never = {"motorcycle", "kitti_odom", "unisin", "video"}
    assert set(WHERE_DEPTH_LIES) == {*LAYOUTS, "shards"} == set(DATASETS) - always_or_never  # shards: as prepared


def test_a_layout_that_cannot_have_depth_says_so(tmp_path: Path) -> None:
    root = write_unisin(tmp_path, sequences=("hall_0", "hall_1"))
    config = EvaluateConfig(load_weights_folder=Path("w"), dataset="unisin", data_path=root, protocol="indoor")
    with pytest.raises(UserError, match="unisin has no ground-truth depth"):
        open_data(config, choose_list(config), None)


def test_a_prepared_set_is_scored_by_the_protocol_of_its_originals(tmp_path: Path, in_tmp_path: None) -> None:
    root = prepare_pairs(tmp_path / "set", write_stereo_folder(tmp_path / "footage"))
    config = EvaluateConfig(load_weights_folder=Path("w"), dataset="prepared", data_path=root, eval_mono=True)
    assert choose_list(config).protocol.name == "stereo_folder"
    assert open_data(config, choose_list(config), SIZE).names == ("wall 1 l",)
    data = build_dataset("prepared", DatasetRequest(*SIZE, (0,), root, part="val", with_depth=True))
    protocol = protocol_of_validation(data)
    assert protocol is not None
    assert protocol.name == "stereo_folder"
    no_depth = prepared(tmp_path / "no_depth" / "set")
    without = build_dataset("prepared", DatasetRequest(*SIZE, (0,), no_depth, part="val"))
    assert protocol_of_validation(without) is None
