"""COLMAP's files and camera models, text and binary, intact and damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from colmap_files import Project, Shot, wall_project

from selfsup_depth.datasets.colmap_model import read_model
from selfsup_depth.datasets.colmap_names import ImagePlace, OrderedImages
from selfsup_depth.datasets.colmap_records import LENS_MODELS, camera_record, colmap_camera
from selfsup_depth.errors import UserError

FOCALS, CENTRE = (80.0, 78.0), (45.5, 34.0)


@pytest.mark.parametrize("binary", [True, False])
def test_everything_written_is_read(tmp_path, binary):
    project = wall_project(3)
    project.shots[1].name = "kamera ä/bild 1.png"  # blanks, no ASCII
    project.write(tmp_path / "sparse", binary=binary)
    model = read_model(tmp_path)
    assert model.folder == tmp_path / "sparse"
    assert list(model.images) == [shot.name for shot in project.shots]
    assert model.cameras[1].params == (80.0, 78.0, 45.5, 34.0) and model.cameras[1].size == (96, 64)
    for shot in project.shots:
        np.testing.assert_allclose(model.images[shot.name].world_T_camera, shot.world_T_camera, atol=1e-12)
        pixels, points = model.points_in_camera(shot.name)
        assert pixels.tolist() == [[x, y] for x, y, point in shot.seen if point != -1]
        projected = points @ np.array([[80.0, 0, 45.5], [0, 78.0, 34.0], [0, 0, 1]]).T
        np.testing.assert_allclose(projected[:, :2] / projected[:, 2:], pixels, atol=1e-9)


def test_the_first_reconstruction_and_the_binary_files_are_read(tmp_path):
    wall_project(2).write(tmp_path / "sparse", binary=False)
    wall_project(3).write(tmp_path / "sparse" / "0", binary=False)
    assert len(read_model(tmp_path).images) == 3
    wall_project(4).write(tmp_path / "sparse" / "0", binary=True)
    assert len(read_model(tmp_path).images) == 4


def test_an_image_without_points(tmp_path):
    project = wall_project(2)
    for shot in project.shots:
        shot.seen = []
    project.write(tmp_path / "sparse", binary=False)
    path = tmp_path / "sparse" / "images.txt"
    path.write_text(path.read_text().rstrip("\n"))  # an editor took the last, empty line away
    model = read_model(tmp_path)
    assert len(model.images) == 2
    assert [array.shape for array in model.points_in_camera("walk_0001.png")] == [(0, 2), (0, 3)]
    assert not model.sparse_depth("walk_0001.png").any()


def test_the_nearer_of_two_points_in_a_pixel(tmp_path):
    near_last, near_first = [(10.2, 5.9, 1), (10.8, 5.1, 2)], [(11.2, 5.9, 2), (11.8, 5.1, 1)]
    seen = [*near_last, *near_first, (96.0, 5.0, 1), (20.5, 20.5, 3), (3.5, 3.5, 9)]
    shot = Shot("a.png", np.eye(4), seen=seen)
    points = {1: np.array([0, 0, 4.0]), 2: np.array([0, 0, 3.0]), 3: np.array([0, 0, -1.0])}
    Project([shot], {1: ("PINHOLE", 96, 64, (*FOCALS, *CENTRE))}, points).write(tmp_path / "sparse", binary=True)
    depth = read_model(tmp_path).sparse_depth("a.png")
    assert depth.shape == (64, 96) and depth.dtype == np.float32
    assert np.argwhere(depth).tolist() == [[5, 10], [5, 11]]  # none from outside, behind, or of an unknown point
    assert depth[5, 10:12].tolist() == [3, 3]


# ------------------------------------------------------------------ camera models


@pytest.mark.parametrize(
    ("model", "focals", "distortion", "expected", "kind"),
    [
        ("SIMPLE_PINHOLE", (80.0,), (), (), "pinhole"),
        ("PINHOLE", FOCALS, (), (), "pinhole"),
        ("SIMPLE_RADIAL", (80.0,), (0.1,), (0.1, 0, 0, 0), "pinhole"),
        ("RADIAL", (80.0,), (0.1, 0.2), (0.1, 0.2, 0, 0), "pinhole"),
        ("OPENCV", FOCALS, (0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4), "pinhole"),
        ("OPENCV_FISHEYE", FOCALS, (0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4), "fisheye"),
        ("FULL_OPENCV", FOCALS, (1, 2, 3, 4, 5, 6, 7, 8.0), (1, 2, 3, 4, 5, 6, 7, 8), "pinhole"),
        ("SIMPLE_RADIAL_FISHEYE", (80.0,), (0.1,), (0.1, 0, 0, 0), "fisheye"),
        ("RADIAL_FISHEYE", (80.0,), (0.1, 0.2), (0.1, 0.2, 0, 0), "fisheye"),
    ],
)
def test_cameras_of_each_model(model, focals, distortion, expected, kind):
    camera = colmap_camera(camera_record(3, model, (96, 64), (*focals, *CENTRE, *distortion), "cameras.txt"))
    matrix = [[80.0, 0, 45.5], [0, focals[-1], 34.0], [0, 0, 1]]  # (0.5, 0.5) is the first pixel's centre there too
    assert torch.equal(camera.intrinsics, torch.tensor(matrix, dtype=torch.float64))
    assert (camera.size, camera.distortion, camera.model) == ((96, 64), expected, kind)
    assert camera.is_distorted == (bool(distortion))


def test_a_fisheye_without_coefficients_is_distorted_and_a_lens_of_zeros_is_not():
    fisheye = camera_record(1, "OPENCV_FISHEYE", (96, 64), (*FOCALS, *CENTRE, 0, 0, 0, 0), "c")
    straight = camera_record(1, "OPENCV", (96, 64), (*FOCALS, *CENTRE, 0, 0, 0, 0), "c")
    assert colmap_camera(fisheye).is_distorted and not colmap_camera(straight).is_distorted


@pytest.mark.parametrize("model", [name for name, lens in LENS_MODELS.items() if lens.kind is None])
def test_models_that_opencv_lacks(model):
    record = camera_record(3, model, (96, 64), (0.5,) * LENS_MODELS[model].parameters, "cameras.txt")
    with pytest.raises(UserError, match=rf"cameras\.txt: camera 3 is of the model {model}.*image_undistorter"):
        colmap_camera(record)


# ------------------------------------------------------------------ damaged files


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_binary_files_cut_off_anywhere(tmp_path, name):
    wall_project(2).write(tmp_path / "sparse", binary=True)
    path = tmp_path / "sparse" / name
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(UserError, match=rf"{name} is cut off: .* it has {size} bytes; copy it again"):
            read_model(tmp_path).sparse_depth("walk_0000.png")
    path.write_bytes(whole + b"more")
    with pytest.raises(UserError, match=rf"{name} has 4 bytes behind its \d+ records"):
        read_model(tmp_path).sparse_depth("walk_0000.png")


def test_unknown_models(tmp_path):
    folder = tmp_path / "sparse"
    wall_project(2).write(folder, binary=True)
    (folder / "cameras.bin").write_bytes(struct.pack("<QIiQQ4d", 1, 1, 99, 96, 64, 1, 1, 1, 1))
    with pytest.raises(UserError, match=r"cameras\.bin: camera 1 is of the model with the number 99, .*\(0 to 11\)"):
        read_model(tmp_path)
    with pytest.raises(UserError, match=r"c\.txt: camera 1 is of the model PIN_HOLE, .*PINHOLE, SIMPLE_RADIAL"):
        camera_record(1, "PIN_HOLE", (96, 64), (), "c.txt")
    with pytest.raises(UserError, match="a PINHOLE, which has 4 parameters, but 3 stand there"):
        camera_record(1, "PINHOLE", (96, 64), (1, 2, 3), "c.txt")


def replace_line(path: Path, number: int, line: str) -> None:
    lines = path.read_text().split("\n")
    lines[number - 1] = line
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("name", "number", "line", "message"),
    [
        ("cameras.txt", 2, "1 PINHOLE 96", "line 2: expected CAMERA_ID MODEL WIDTH HEIGHT PARAMS"),
        ("cameras.txt", 2, "1 PINHOLE 96 64 80 x 4 4", "line 2: expected CAMERA_ID"),
        ("images.txt", 2, "1 1 0 0 0 0 0 0 1", "line 2: expected IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"),
        ("images.txt", 2, "1 1 0 0 0 0 0 0 one walk_0000.png", "line 2: expected IMAGE_ID"),
        ("images.txt", 2, "1 1 1 0 0 0 0 0 1 a.png", "the pose of a.png, 1 1 0 0 0 0 0, does not begin with a unit"),
        ("images.txt", 2, "1 1 0 0 0 nan 0 0 1 a.png", "the pose of a.png, 1 0 0 0 nan 0 0, does not begin"),
        ("images.txt", 2, "1 1 0 0 0 0 0 0 5 a.png", "a.png was taken by camera 5, which is not in"),
        ("images.txt", 3, "1.5 2.5", "line 3: expected the points that the image sees"),
        ("points3D.txt", 2, "1 2.0 3.0", "line 2: expected POINT3D_ID X Y Z"),
    ],
)
def test_damaged_lines(tmp_path, name, number, line, message):
    wall_project(2).write(tmp_path / "sparse", binary=False)
    replace_line(tmp_path / "sparse" / name, number, line)
    with pytest.raises(UserError, match=message):
        read_model(tmp_path).sparse_depth("walk_0000.png")


def test_maps_of_large_images_are_small(tmp_path):
    """Of 12 megapixels, of which a loader would hold hundreds; the place of a point in the picture stays."""
    shot = Shot("a.jpg", np.eye(4), seen=[(4031.9, 3023.9, 1), (0.1, 0.1, 2), (2016.0, 1512.0, 3)])
    points = {1: np.array([0, 0, 5.0]), 2: np.array([0, 0, 3.0]), 3: np.array([0, 0, 4.0])}
    Project([shot], {1: ("PINHOLE", 4032, 3024, (3000.0, 3000.0, 2016.0, 1512.0))}, points).write(
        tmp_path / "sparse", binary=True
    )
    depth = read_model(tmp_path).sparse_depth("a.jpg")
    assert depth.shape == (756, 1008)
    assert [depth[755, 1007], depth[0, 0], depth[378, 504]] == [5.0, 3.0, 4.0]
    assert (depth > 0).sum() == 3


@pytest.mark.parametrize("binary", [True, False])
def test_a_model_without_images(tmp_path, binary):
    project = wall_project(2)
    project.shots = []
    project.write(tmp_path / "sparse", binary=binary)
    with pytest.raises(UserError, match="has no registered image: .*--dataset folder"):
        read_model(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(UserError, match=r"has no COLMAP model: .*sparse/0 or .*sparse; give the folder"):
        read_model(tmp_path)
    wall_project(2).write(tmp_path / "sparse", binary=True)
    (tmp_path / "sparse" / "points3D.bin").unlink()
    model = read_model(tmp_path)  # points are only needed by who asks for them
    with pytest.raises(UserError, match=r"points3D\.bin is missing"):
        model.sparse_depth("walk_0000.png")
    (tmp_path / "sparse" / "images.bin").unlink()
    with pytest.raises(UserError, match="has no COLMAP model: expected cameras and images"):
        read_model(tmp_path)


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "sequence", "number"),
    [
        ("walk_0012.jpg", "walk", 12),
        ("cam0/walk_0012.jpg", "cam0/walk", 12),
        ("cam0/0012.png", "cam0/-", 12),
        ("DSC12.JPG", "DSC", 12),
        ("front.jpg", "front", 0),
        ("a b/no suffix 3", "a b/no suffix ", 3),
    ],
)
def test_places_of_names(name, sequence, number):
    assert ImagePlace.of(name) == ImagePlace(sequence, number)


def test_a_model_of_every_tenth_image_has_neighbours_ten_apart():
    registered = [f"f_{number:03d}.png" for number in range(0, 60, 10)]
    images = OrderedImages(registered, [f"f_{number:03d}.png" for number in range(60)], every=1)
    assert len(images.unregistered) == 54 and images.passed_over == []
    assert images.neighbour(ImagePlace("f", 20), 1) == ImagePlace("f", 30)


def test_two_images_of_one_frame():
    with pytest.raises(UserError, match=r"images/a_01\.png and images/a_1\.png are both frame 1 of 'a'"):
        OrderedImages(["a_01.png", "a_1.png"], [], every=1)
