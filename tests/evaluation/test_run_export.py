from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from selfsup_depth import __version__
from selfsup_depth.datasets.kitti import KittiRaw
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig, ExportConfig
from selfsup_depth.evaluation.evaluation_data import open_data
from selfsup_depth.evaluation.ground_truth_files import GroundTruthFile
from selfsup_depth.evaluation.image_list import choose_list
from selfsup_depth.evaluation.run_export import run_export
from splits import SplitLine, read_split
from tests.evaluation.kitti_files import depth_of, write_improved_depth, write_kitti_raw

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def eigen_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_kitti_raw(tmp_path_factory.mktemp("kitti"), read_split("eigen", "test"), images=False)


def test_eigen(eigen_tree: Path, tmp_path: Path):
    path = run_export(ExportConfig(eigen_tree, "eigen", output=tmp_path), QUIET)
    assert path == tmp_path / "gt_depths.npz"
    stored = GroundTruthFile(path)
    assert len(stored) == 697
    assert stored.names is not None and stored.names[0] == "2011_09_26/2011_09_26_drive_0002_sync 69 l"
    expected = depth_of(69)
    assert np.array_equal(stored[0][::2, ::2], expected[::2, ::2]) and not stored[0][1::2].any()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["count"], manifest["split"], manifest["library_version"]) == (697, "eigen", __version__)
    assert manifest["protocol"]["ground_truth"] == "lidar_forward" and manifest["sizes"] == {"38x124": 697}
    assert len(manifest["list_sha256"]) == 64


def test_eigen_benchmark_lands_where_the_evaluation_looks(tmp_path: Path):
    lines = read_split("eigen_benchmark", "test")
    raw = tmp_path / "kitti"
    write_kitti_raw(raw, lines[:1], images=False, scans=False)
    (raw / lines[0].split()[0]).mkdir(parents=True, exist_ok=True)
    for folder in {line.split("/")[0] for line in lines}:
        write_kitti_raw(raw, [f"{folder}/x 0 l"], images=False, scans=False)
    improved = write_improved_depth(tmp_path / "improved", lines)
    path = run_export(ExportConfig(raw, "eigen_benchmark", depth_path=improved), QUIET)
    assert path == raw / "splits" / "eigen_benchmark" / "gt_depths.npz"
    assert np.array_equal(GroundTruthFile(path)[651], depth_of(int(lines[651].split()[1])))

    config = EvaluateConfig(eval_split="eigen_benchmark", data_path=raw, ext_disp_to_eval=Path("x.npy"))
    data = open_data(config, choose_list(config), None)
    assert isinstance(data.truth, GroundTruthFile) and len(data.names) == 652


def test_missing_scans_are_named_by_archive(eigen_tree: Path, tmp_path: Path):
    hidden = eigen_tree / "2011_09_26" / "2011_09_26_drive_0009_sync" / "velodyne_points"
    hidden.rename(tmp_path / "hidden")
    try:
        with pytest.raises(
            UserError,
            match=r"25 of the 697 LiDAR scans of eigen are missing .*: 2011_09_26_drive_0009_sync \(25\), "
            r"the first for '2011_09_26/2011_09_26_drive_0009_sync 0 l'.*archives <drive>.zip",
        ):
            run_export(ExportConfig(eigen_tree, "eigen", output=tmp_path / "out"), QUIET)
    finally:
        (tmp_path / "hidden").rename(hidden)
    assert not (tmp_path / "out").exists()


def test_missing_calibration_is_said_before_anything_is_written(eigen_tree: Path, tmp_path: Path):
    calibration = eigen_tree / "2011_10_03" / "calib_velo_to_cam.txt"
    text = calibration.read_text()
    calibration.unlink()
    try:
        with pytest.raises(UserError, match="2011_10_03/calib_velo_to_cam.txt is missing"):
            run_export(ExportConfig(eigen_tree, "eigen", output=tmp_path / "out"), QUIET)
    finally:
        calibration.write_text(text)
    assert not (tmp_path / "out").exists()


def test_missing_improved_depth(eigen_tree: Path):
    with pytest.raises(UserError, match=r"652 of the 652 improved depth maps .* and 23 more drives.*--depth_path"):
        run_export(ExportConfig(eigen_tree, "eigen_benchmark"), QUIET)


def test_no_such_folder(tmp_path: Path):
    with pytest.raises(UserError, match="nowhere is not a folder"):
        run_export(ExportConfig(tmp_path / "nowhere", "eigen"), QUIET)


def test_output_that_cannot_be_written(eigen_tree: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/gt_depths.npz cannot be written .*--output"):
        run_export(ExportConfig(eigen_tree, "eigen", output=tmp_path / "file"), QUIET)


def test_a_scan_that_vanishes_while_it_is_exported(eigen_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read = KittiRaw.depth

    def depth(source: KittiRaw, item: SplitLine) -> np.ndarray | None:
        return None if item.frame == 69 else read(source, item)

    monkeypatch.setattr(KittiRaw, "depth", depth)
    with pytest.raises(UserError, match="drive_0002_sync 69 l vanished while it was being exported; try again"):
        run_export(ExportConfig(eigen_tree, "eigen", output=tmp_path), QUIET)
    assert list(tmp_path.iterdir()) == []
