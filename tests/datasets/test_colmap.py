"""--dataset colmap on a rendered walk: poses and cameras reproduce the images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from colmap_files import MANY, WALL, wall_project, write_colmap, write_images
from posed_wall import Pinhole, see_wall

from selfsup_depth.datasets import FootageOptions, ReaderOptions, build_dataset
from selfsup_depth.errors import UserError
from splits import SplitLine
from tests.datasets.pose_warping import warp_error

NEIGHBOURS = (0, -1, 1)


@pytest.fixture
def opened(ask):
    """A data set of all images, undivided."""

    def open_colmap(path: Path, *, frame_ids=NEIGHBOURS, part="test", split=None, **footage):
        options = ReaderOptions(footage=FootageOptions(**footage))
        request = ask(data_path=path, frame_ids=frame_ids, part=part, split=split, options=options)
        return build_dataset("colmap", request)

    return open_colmap


def names(dataset) -> list[str]:
    return [dataset.name(index) for index in range(len(dataset))]


@pytest.mark.parametrize("binary", [True, False])
def test_neighbours_are_reproduced_by_the_poses(tmp_path, opened, binary):
    project = wall_project(6)
    dataset = opened(write_colmap(tmp_path, binary=binary))
    source = dataset.source
    assert names(dataset) == [f"walk {n} l" for n in (1, 2, 3, 4)]
    for item in dataset.items:
        _, depth = see_wall(project.shots[item.frame].world_T_camera, WALL)
        for offset in (-1, 1):
            neighbour = source.neighbour(item, offset)
            right = warp_error(source, item, neighbour, depth)
            assert right < 0.45  # of 255: what rounding the images to 8 bits leaves
            assert warp_error(source, item, neighbour, depth, invert=True) > 50 * right
            for shift in (-0.5, 0.5):  # another pixel origin
                assert warp_error(source, item, neighbour, depth, shift=shift) > 1.4 * right


def test_intrinsics_are_as_written_and_poses_up_to_scale(tmp_path, opened):
    dataset = opened(write_colmap(tmp_path))
    source, item = dataset.source, dataset.items[0]
    assert torch.equal(source.intrinsics(item, 96, 64), torch.from_numpy(WALL.matrix))
    assert source.poses_up_to_scale and source.depth_up_to_scale and not source.has_stereo
    assert source.time_s(item) is None and source.stereo_T_target(item) is None
    assert dataset.baseline_m is None


def test_intrinsics_of_a_resized_copy(tmp_path, opened):
    project = wall_project(4)
    project.write(tmp_path / "sparse", binary=False)
    write_images(project, tmp_path, Pinhole(48, 32, 40.0, 39.0, 22.75, 17.0))
    dataset = opened(tmp_path)
    np.testing.assert_allclose(
        dataset.source.intrinsics(dataset.items[0], 48, 32)[:2].numpy(), WALL.matrix[:2] / 2, atol=1e-12
    )


def test_sparse_depth_lies_on_the_pixels_that_see_the_points(tmp_path, opened):
    dataset = opened(write_colmap(tmp_path))
    shots = wall_project(6).shots
    for item in dataset.items:
        sparse = dataset.source.depth(item)
        _, depth = see_wall(shots[item.frame].world_T_camera, WALL)
        assert np.argwhere(sparse).tolist() == [[3, 5], [20, 50], [40, 11], [60, 90]]
        np.testing.assert_allclose(sparse[sparse > 0], depth[sparse > 0], rtol=1e-6)


def test_depth_is_that_of_images_that_see_enough_points(tmp_path, opened):
    """A handful of points aligns its own median, and would be right whatever is predicted."""
    project = wall_project(6, pixels=MANY)
    project.shots[2].seen = project.shots[2].seen[:19]
    project.shots[3].seen = project.shots[3].seen[:20]
    project.shots[4].seen += [(7.5, 7.5, 12345)] * 30  # a point that is in no file
    write_images(project, tmp_path)
    project.write(tmp_path / "sparse", binary=False)
    dataset = opened(tmp_path)
    assert [dataset.source.has_depth(item) for item in dataset.items] == [True, False, True, True]
    assert dataset.has_depth
    (tmp_path / "sparse" / "points3D.txt").unlink()
    assert not opened(tmp_path).has_depth


@pytest.mark.parametrize("unit", [1.0, 0.01, 40.0])
def test_depth_has_the_unit_of_the_poses(tmp_path, opened, unit):
    dataset = opened(write_colmap(tmp_path, pixels=MANY, unit=unit))
    walk = wall_project(6).shots
    for item in dataset.items:
        sparse, pose = dataset.depth(item.frame - 1), dataset.source.world_T_camera(item)
        _, depth = see_wall(walk[item.frame].world_T_camera, WALL)
        assert (sparse > 0).sum() == len(MANY)
        np.testing.assert_allclose(sparse[sparse > 0] * unit, depth[sparse > 0], rtol=1e-5)
        np.testing.assert_allclose(pose[:3, 3] * unit, walk[item.frame].world_T_camera[:3, 3], rtol=1e-6, atol=1e-9)


def test_each_image_has_its_own_camera(tmp_path, opened):
    project = wall_project(4)
    project.cameras[7] = ("SIMPLE_PINHOLE", 96, 64, (90.0, 48.0, 32.0))
    project.shots[2].camera = 7
    project.write(tmp_path / "sparse", binary=True)
    write_images(project, tmp_path)
    sample = opened(tmp_path)[0]  # frames 1, 0, 2
    assert sample.intrinsics[:, 0, 0].tolist() == pytest.approx([80 * 40 / 96, 80 * 40 / 96, 90 * 40 / 96])


def test_unregistered_images_are_counted_and_make_gaps(tmp_path, opened):
    root = write_colmap(tmp_path, frames=8)
    project = wall_project(8)
    del project.shots[4]
    project.write(root / "sparse" / "0", binary=True)
    report = opened(root).report
    assert (report.listed, report.kept) == (8, 3)
    assert report.left_out == {
        f"not registered in {root}/sparse/0": 1, "neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2,
    }  # fmt: skip
    assert report.examples[f"not registered in {root}/sparse/0"] == ["walk_0004.png"]


def test_sequences_are_the_folders_below_images(tmp_path, opened):
    project = wall_project(4, prefix="left cam/")
    more = wall_project(3, prefix="right/b")
    for shot in more.shots:
        shot.seen = []
    project.shots += more.shots
    project.write(tmp_path / "sparse", binary=False)
    write_images(project, tmp_path)
    (tmp_path / "images" / ".hidden_0001.png").write_bytes(b"")
    dataset = opened(tmp_path)
    assert names(dataset) == ["left cam/- 1 l", "left cam/- 2 l", "right/b 1 l"]
    assert dataset.report.listed == 7
    assert dataset.source.image_path(dataset.items[2]) == f"{tmp_path}/images/right/b0001.png"


def test_frame_step(tmp_path, opened):
    dataset = opened(write_colmap(tmp_path, frames=9), frame_step=2)
    assert names(dataset) == ["walk 2 l", "walk 4 l", "walk 6 l"]
    assert dataset.source.neighbour(dataset.items[0], 1) == SplitLine("walk", 4, "l")
    assert dataset.report.left_out["between the frames that --frame_step 2 takes"] == 4
    assert dataset.report.examples["between the frames that --frame_step 2 takes"][0] == "walk_0001.png"
    assert dataset.report.listed == 9


def test_training_and_validation_share_the_images(tmp_path, opened):
    root = write_colmap(tmp_path, frames=12)
    (root / "images" / "walk_0012.png").write_bytes(b"not registered")
    train, val = opened(root, part="train"), opened(root, part="val")
    assert names(val) == ["walk 10 l"] and val.report.listed == 2
    assert names(train) == [f"walk {n} l" for n in range(1, 8)]
    assert train.report.listed == 13
    assert train.report.left_out[f"not registered in {root}/sparse/0"] == 1
    looked_at = {frame + offset for frame in range(1, 8) for offset in NEIGHBOURS}
    assert not looked_at & {9, 10, 11}


def test_lists(tmp_path, opened):
    root = write_colmap(tmp_path)
    (root / "images" / "walk_0006.png").write_bytes(b"not registered")
    (root / "test_files.txt").write_text("walk 3 l\nwalk_0002.png\n")
    dataset = opened(root)
    assert names(dataset) == ["walk 3 l", "walk 2 l"] and dataset.report.listed == 2
    with pytest.raises(UserError, match=r"line 1: the line 'walk 3 l' names no image \(it is one of those between"):
        opened(root, frame_step=2)
    (root / "test_files.txt").write_text("walk 6 l\n")
    with pytest.raises(UserError, match=r"registered no such image, expected '<sequence> <number> l', or a path"):
        opened(root)


def test_a_calibration_replaces_all_cameras(tmp_path, opened):
    root = write_colmap(tmp_path / "data")
    content = {"image_width": 192, "image_height": 128, "fx": 150.0, "fy": 151.0, "cx": 90.0, "cy": 70.0}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content | {"pixel_origin": "corner"}))
    source = opened(root, calibration=path).source
    matrix = source.intrinsics(source.items()[0], 96, 64)
    assert matrix[:2].tolist() == [[75.0, 0, 45.0], [0, 75.5, 35.0]]
    path.write_text(json.dumps(content | {"pixel_origin": "corner", "distortion": [0.1, 0, 0, 0]}))
    with pytest.raises(UserError, match=r"mine\.json tells of lens distortion.*prepare_data\.py"):
        opened(root, calibration=path)


# ------------------------------------------------------------------ what cannot be read


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("SIMPLE_RADIAL", (80.0, 45.5, 34.0, 0.1)),
        ("RADIAL", (80.0, 45.5, 34.0, 0.0, 0.1)),
        ("OPENCV", (80.0, 78.0, 45.5, 34.0, 0, 0, 0, 0.01)),
        ("OPENCV_FISHEYE", (80.0, 78.0, 45.5, 34.0, 0, 0, 0, 0)),
        ("FULL_OPENCV", (80.0, 78.0, 45.5, 34.0, 0, 0, 0, 0, 0, 0, 0, 1)),
    ],
)
def test_distorted_cameras_are_refused(tmp_path, opened, model, params):
    project = wall_project(4)
    project.cameras[2] = (model, 96, 64, params)
    project.shots[2].camera = 2  # not of the first item: all that are used are looked at
    project.write(tmp_path / "sparse", binary=True)
    write_images(project, tmp_path)
    message = rf"cameras\.bin, camera 2 \({model}\) tells of lens distortion.*prepare_data\.py.*image_undistorter"
    with pytest.raises(UserError, match=message):
        opened(tmp_path)


def test_a_lens_without_distortion_is_a_pinhole(tmp_path, opened):
    project = wall_project(4)
    project.cameras[1] = ("OPENCV", 96, 64, (80.0, 78.0, 45.5, 34.0, 0, 0, 0, 0))
    project.write(tmp_path / "sparse", binary=True)
    write_images(project, tmp_path)
    assert len(opened(tmp_path)) == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"fov": 60.0}, "--fov 60.0 means nothing to --dataset colmap, because COLMAP found the cameras"),
        ({"fps": 5.0}, "--fps 5.0 means nothing to --dataset colmap, because its images have no times.*--frame_step"),
        ({"baseline": 0.1}, "--baseline 0.1 means nothing to --dataset colmap, because it is of one camera"),
        ({"stereo_layout": "top_bottom"}, "--stereo_layout top_bottom means nothing"),
        ({"right_video": Path("r.mp4")}, "--right_video r.mp4 means nothing"),
        ({"min_motion": 1.0}, "--min_motion 1.0 means nothing .* prepare_data.py"),
    ],
)
def test_options_that_mean_nothing(tmp_path, opened, option, message):
    with pytest.raises(UserError, match=message):
        opened(write_colmap(tmp_path), **option)


def test_images_that_are_not_there(tmp_path, opened):
    root = write_colmap(tmp_path)
    (root / "images" / "walk_0005.png").unlink()
    report = opened(root).report
    assert (report.listed, report.kept) == (6, 3)
    assert report.left_out["target image missing"] == 1 and report.left_out["neighbour frame +1 missing"] == 1
    for path in (root / "images").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"6 x target image missing.*images has to be the folder .*--image_path"):
        opened(root)
    (root / "images").rmdir()
    with pytest.raises(UserError, match=r"images is missing: expected the images that COLMAP was given"):
        opened(root)


def test_images_of_another_shape(tmp_path, opened):
    project = wall_project(4)
    project.write(tmp_path / "sparse", binary=True)
    write_images(project, tmp_path, Pinhole(64, 96))
    with pytest.raises(UserError, match=r"camera 1 \(PINHOLE\) is for images of 96x64, but .* has 64x96"):
        opened(tmp_path)


def test_names_without_numbers_have_no_neighbours(tmp_path, opened):
    project = wall_project(3)
    for shot, name in zip(project.shots, ("front", "left", "right"), strict=True):
        shot.name = f"{name}.png"
    project.write(tmp_path / "sparse", binary=True)
    write_images(project, tmp_path)
    assert len(opened(tmp_path, frame_ids=(0,))) == 3
    with pytest.raises(UserError, match="give footage in which frames stand in a row"):
        opened(tmp_path)
    with pytest.raises(UserError, match="colmap has one camera only"):
        opened(tmp_path, frame_ids=(0, "s"))
