"""--dataset tum on a rendered walk: poses, times and cameras reproduce the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from posed_wall import Pinhole, see_wall, walk
from tum_files import FREIBURG3, START, STEP, write_tum

from selfsup_depth.datasets import FootageOptions, ReaderOptions, build_dataset
from selfsup_depth.datasets.tum import TumRgbd
from selfsup_depth.errors import UserError
from splits import SplitLine
from tests.datasets.pose_warping import warp_error

NEIGHBOURS = (0, -1, 1)
NAME = "rgbd_dataset_freiburg3_wall"


@pytest.fixture
def opened(ask):
    """A data set of all images, undivided."""

    def open_tum(path: Path, *, frame_ids=NEIGHBOURS, part="test", with_depth=False, **footage):
        options = ReaderOptions(footage=FootageOptions(**footage))
        request = ask(data_path=path, frame_ids=frame_ids, part=part, with_depth=with_depth, options=options)
        return build_dataset("tum", request)

    return open_tum


def names(dataset) -> list[str]:
    return [dataset.name(index) for index in range(len(dataset))]


def rows(dataset) -> list[int]:
    return [item.frame for item in dataset.items]


def test_neighbours_are_reproduced_by_poses_and_depth(tmp_path, opened):
    dataset = opened(write_tum(tmp_path / NAME))
    source = dataset.source
    assert names(dataset) == [f"{NAME} {row} l" for row in (1, 2, 3, 4)]
    for item in dataset.items:
        depth = source.depth(item)
        truth = see_wall(walk(np.array([item.frame]))[0], FREIBURG3)[1]
        np.testing.assert_allclose(depth, truth, atol=0.0003)  # 16 bits, metres * 5000
        for offset in (-1, 1):
            neighbour = source.neighbour(item, offset)
            right = warp_error(source, item, neighbour, depth)
            assert right < 0.6  # of 255: rounded images, and poses between those that are known
            assert warp_error(source, item, neighbour, depth, invert=True) > 50 * right
            for shift in (-0.5, 0.5):  # another pixel origin
                assert warp_error(source, item, neighbour, depth, shift=shift) > 1.4 * right


def test_times_and_units(tmp_path, opened):
    source = opened(write_tum(tmp_path / NAME)).source
    assert source.has_depth_maps and not source.has_stereo
    assert [source.time_s(view) for view in source.items()] == pytest.approx([START + n * STEP for n in range(6)])
    matrix = source.intrinsics(source.items()[0], 640, 480)
    assert matrix.tolist() == [[535.4, 0, 320.6], [0, 539.2, 248.1], [0, 0, 1]]


def test_a_folder_of_sequences(tmp_path, opened):
    for name in ("freiburg3_b", "freiburg3_a"):
        write_tum(tmp_path / name, frames=3)
    (tmp_path / "notes").mkdir()
    dataset = opened(tmp_path)
    assert names(dataset) == ["freiburg3_a 1 l", "freiburg3_b 1 l"]
    assert opened(tmp_path / "freiburg3_a" / ".." / "freiburg3_b").name(0) == "freiburg3_b 1 l"


def test_without_depth_and_poses(tmp_path, opened):
    root = write_tum(tmp_path / NAME)
    (root / "groundtruth.txt").unlink()
    (root / "depth.txt").unlink()
    dataset = opened(root)
    assert dataset.source.world_T_camera(dataset.items[0]) is None
    assert not dataset.has_depth and dataset.depth(0) is None and dataset.source.depth(dataset.items[0]) is None
    with pytest.raises(UserError, match="6 x no ground-truth depth"):
        opened(root, frame_ids=(0,), with_depth=True)


def test_depth_and_poses_of_another_time_are_not_taken(tmp_path, opened):
    root = write_tum(tmp_path / NAME)
    lines = (root / "depth.txt").read_text().splitlines()
    (root / "depth.txt").write_text("\n".join(lines[:2] + lines[4:]))  # of frames 0, 3, 4, 5
    lines = (root / "groundtruth.txt").read_text().splitlines()
    (root / "groundtruth.txt").write_text("\n".join(line for line in lines if line[0] == "#" or keeps(line)))
    source = opened(root).source
    assert [source.has_depth(item) for item in source.items()] == [True, False, False, True, True, True]
    known = [source.world_T_camera(item) is not None for item in source.items()]
    assert known == [True, True, False, False, False, False]
    (root / "depth" / f"{START + 0.007:.6f}.png").unlink()
    assert not opened(root).source.has_depth(source.items()[0])


def keeps(line: str) -> bool:
    """The mocap lost sight of the camera for more than a tenth of a second."""
    return not START + 0.06 < float(line.split()[0]) < START + 0.17


def test_images_that_are_not_there(tmp_path, opened):
    root = write_tum(tmp_path / NAME)
    (root / "rgb" / f"{START + 5 * STEP:.6f}.png").unlink()
    report = opened(root).report
    assert (report.listed, report.kept) == (6, 3) and report.left_out["target image missing"] == 1
    for path in (root / "rgb").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="6 x target image missing"):
        opened(root)


# ------------------------------------------------------------------ which frames


def test_missing_frames_make_gaps(tmp_path, opened):
    times = [START + STEP * n for n in (0, 1, 2, 3, 5, 6, 7)]
    assert rows(opened(write_tum(tmp_path / NAME, 7, times=times))) == [1, 2, 5]


def test_frame_step_and_fps(tmp_path, opened):
    root = write_tum(tmp_path / NAME, frames=13)
    dataset = opened(root, frame_step=3)
    assert rows(dataset) == [3, 6, 9]
    assert dataset.source.neighbour(dataset.items[0], 1) == SplitLine(NAME, 6, "l")
    assert dataset.report.left_out["between the frames that --frame_step 3 takes"] == 8
    dataset = opened(root, fps=10.0)
    assert rows(dataset) == [3, 6, 9] and dataset.report.listed == 13
    assert dataset.report.examples["between the frames that --fps 10 takes"][0] == f"{NAME} 1 l"
    assert rows(opened(root, fps=15.0, frame_step=2)) == [4, 8]


def test_training_and_validation_share_the_images(tmp_path, opened):
    root = write_tum(tmp_path / NAME, frames=12)
    assert rows(opened(root, part="val")) == [10]
    train = opened(root, part="train", frame_step=1)
    assert rows(train) == list(range(1, 8)) and train.report.listed == 12


def test_lists(tmp_path, opened):
    root = write_tum(tmp_path / NAME)
    (root / "test_files.txt").write_text(f"{NAME} 3 l\n")
    assert names(opened(root)) == [f"{NAME} 3 l"]
    with pytest.raises(UserError, match="it is one of those between the frames that --frame_step 2 takes"):
        opened(root, frame_step=2)
    for line in (f"{NAME} 6 l", "other 3 l", f"{NAME} 3 r", NAME):
        (root / "test_files.txt").write_text(line)
        with pytest.raises(UserError, match="expected '<sequence> <row of its rgb.txt, from 0> l'"):
            opened(root)


# ------------------------------------------------------------------ which camera


def write_calibration(path: Path, **more: object) -> Path:
    content = {"image_width": 128, "image_height": 96, "fx": 100.0, "fy": 101.0, "cx": 60.0, "cy": 50.0}
    path.write_text(json.dumps(content | {"pixel_origin": "corner"} | more))
    return path


def matrix_of(dataset) -> torch.Tensor:
    return dataset.source.intrinsics(dataset.items[0], 64, 48)


@pytest.mark.parametrize("place", ["beside", "above", "given"])
def test_a_calibration_wins_over_the_name(tmp_path, opened, place):
    root = write_tum(tmp_path / "rgbd_dataset_freiburg1_wall", frames=3)
    if place == "given":
        dataset = opened(root, calibration=write_calibration(tmp_path / "mine.json"))
    else:
        write_calibration((root if place == "beside" else tmp_path) / "calib.json")
        dataset = opened(root if place == "beside" else tmp_path)
    assert matrix_of(dataset)[:2].tolist() == [[50.0, 0, 30.0], [0, 50.5, 25.0]]


def test_a_calibration_above_the_data_path_is_of_something_else(tmp_path, opened):
    write_calibration(tmp_path / "calib.json")
    root = write_tum(tmp_path / NAME, frames=3)
    assert matrix_of(opened(root))[0, 0] == pytest.approx(53.54)
    assert matrix_of(opened(root, fov=90.0))[0, 0] == pytest.approx(32.0)


def test_a_distorted_calibration_is_refused(tmp_path, opened):
    root = write_tum(tmp_path / NAME, frames=3)
    path = write_calibration(tmp_path / "mine.json", distortion=[0.1, 0, 0, 0])
    with pytest.raises(UserError, match=r"mine\.json tells of lens distortion.* or give the calibration of these"):
        opened(root, calibration=path)


@pytest.mark.parametrize("number", [1, 2])
def test_distorted_lenses_are_refused_and_taken_for_pinholes_on_request(tmp_path, opened, number):
    root = write_tum(tmp_path / f"rgbd_dataset_freiburg{number}_wall", frames=3)
    message = (
        rf"the published camera of rgbd_dataset_freiburg{number}_wall tells of lens distortion, but .*: undistort .*"
        r"prepare_data\.py, .* 15 to 37 in them: --fov 62\.7 is what the"
    )
    with pytest.raises(UserError, match=message):
        opened(root)
    recommended = Pinhole(640, 480, 525.0, 525.0, 320.0, 240.0).matrix
    source = opened(root, fov=62.7).source
    matrix = source.intrinsics(SplitLine(root.name, 0, "l"), 640, 480)
    np.testing.assert_allclose(matrix.numpy(), recommended, rtol=1e-3)


def test_the_cameras_of_all_sequences_are_looked_at(tmp_path, opened, ask):
    for name in ("a_freiburg3", "b_freiburg1"):
        write_tum(tmp_path / name, frames=3)
    with pytest.raises(UserError, match="b_freiburg1 tells of lens distortion"):
        opened(tmp_path)
    source = TumRgbd(ask(data_path=tmp_path))  # who undistorts is told the lens
    assert source.describes_lenses
    assert [source.rig(SplitLine(name, 0, "l")).is_distorted for name in source.sequences] == [False, True]


def test_an_unknown_sequence_needs_a_camera(tmp_path, opened):
    root = write_tum(tmp_path / "kitchen", frames=3)
    message = r"kitchen does not say its camera, .*write .*kitchen/calib\.json, or give --calibration or --fov \(62\.7"
    with pytest.raises(UserError, match=message):
        opened(root)
    assert matrix_of(opened(root, fov=90.0))[0, 0] == pytest.approx(32.0)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"baseline": 0.1}, "--baseline 0.1 means nothing to --dataset tum, because it is of one camera"),
        ({"stereo_layout": "side_by_side"}, "--stereo_layout side_by_side means nothing"),
        ({"right_video": Path("r.mp4")}, "--right_video r.mp4 means nothing"),
        ({"min_motion": 1.0}, "--min_motion 1.0 means nothing .* prepare_data.py"),
    ],
)
def test_options_that_mean_nothing(tmp_path, opened, option, message):
    with pytest.raises(UserError, match=message):
        opened(write_tum(tmp_path / NAME, frames=3), **option)


def test_folders_that_are_something_else(tmp_path, opened):
    (tmp_path / "rgb").mkdir()
    with pytest.raises(UserError, match=r"rgb\.txt is missing, and no folder in .* has one"):
        opened(tmp_path)
    with pytest.raises(UserError, match="tum has one camera only"):
        opened(write_tum(tmp_path / NAME, frames=3), frame_ids=(0, "s"))
