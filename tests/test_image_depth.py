"""`DepthPredictor.predict_image`: one picture, however it is given, and what is known of its depth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from painted_depth import HEIGHT, METHOD, WIDTH, PaintedDepth, depth_of, painted, write_painted_checkpoint
from PIL import Image

from selfsup_depth import DepthPredictor
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS
from selfsup_depth.report.pictures import colour_depth

LEVELS = np.tile(np.linspace(0, 255, WIDTH).round().astype(np.uint8), (HEIGHT, 1))
PIXELS = painted(LEVELS)


@pytest.fixture
def load(monkeypatch, tmp_path):
    monkeypatch.setitem(METHODS, METHOD, PaintedDepth)
    return lambda **changes: DepthPredictor.load(write_painted_checkpoint(tmp_path / "weights", **changes), "cpu")


def as_file(tmp_path, kind):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png" if kind == "path" else str(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["path", "text", "pillow", "array", "alpha", "pillow alpha", "flipped view"])
def test_a_picture_in_any_form_has_the_painted_depth(kind, load, tmp_path):
    alpha = np.concatenate([PIXELS, np.full((HEIGHT, WIDTH, 1), 7, np.uint8)], axis=-1)
    image = {
        "path": lambda: as_file(tmp_path, "path"), "text": lambda: as_file(tmp_path, "text"),
        "pillow": lambda: Image.fromarray(PIXELS), "array": lambda: PIXELS, "alpha": lambda: alpha,
        "pillow alpha": lambda: Image.fromarray(alpha), "flipped view": lambda: PIXELS[:, ::-1][:, ::-1],
    }[kind]()  # fmt: skip
    found = load().predict_image(image)
    np.testing.assert_allclose(found.depth, depth_of(LEVELS), rtol=1e-5)
    assert (found.depth.dtype, found.metric, found.unit) == (np.float32, True, "metres")
    np.testing.assert_array_equal(found.image, PIXELS)
    np.testing.assert_allclose(found.inverse_depth, 1 / found.depth)
    np.testing.assert_array_equal(found.colour, colour_depth(found.depth))


def test_it_is_what_predict_full_size_gives_at_another_size(load):
    predictor = load()
    pixels = np.random.default_rng(0).integers(0, 256, (70, 91, 3), dtype=np.uint8)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    found = predictor.predict_image(pixels)
    np.testing.assert_array_equal(found.depth, predictor.predict_full_size(batch).depth[0, 0].numpy())
    grey = predictor.predict_image(pixels[..., 0])
    np.testing.assert_array_equal(grey.image, np.repeat(pixels[..., :1], 3, axis=2))


def test_without_a_unit_it_says_so(load):
    found = load(metres_per_unit=None).predict_image(PIXELS)
    assert (found.metric, found.unit) == (False, "relative (up to scale)")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PIXELS / 255.0, "got an array of float64: for float tensors there is predict_full_size"),
        (torch.zeros(3, 4, 5), "got a Tensor"),
        (PIXELS.transpose(2, 0, 1), r"takes arrays \[H, W, 3\] or \[H, W\]; got \[3, 48, 64\]: reorder"),
        (PIXELS[:0], r"got \[0, 64, 3\]"),
        (Image.fromarray(np.zeros((4, 5), np.uint16)), "mode I;16, more than 8 bits"),
        ("missing.png", "missing.png is missing"),
    ],
)
def test_what_is_no_picture_is_refused(image, message, load):
    with pytest.raises(UserError, match=message):
        load().predict_image(image)


def test_point_clouds_have_the_camera_they_are_given(load):
    found = load().predict_image(PIXELS)
    K = np.array([[50.0, 0, 30.0], [0, 40.0, 20.0], [0, 0, 1]])
    points, colours = found.point_cloud(K, edge_threshold=float("inf"))
    u, v = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    np.testing.assert_allclose(points[:, 2], found.depth.ravel(), rtol=1e-6)
    np.testing.assert_allclose(points[:, 0], (found.depth * (u - 30) / 50).ravel(), rtol=1e-5)
    np.testing.assert_allclose(points[:, 1], (found.depth * (v - 20) / 40).ravel(), rtol=1e-5)
    np.testing.assert_array_equal(colours, PIXELS.reshape(-1, 3))
    wide, _ = found.point_cloud(fov=90.0, edge_threshold=float("inf"))
    np.testing.assert_allclose(wide[:, 0], (found.depth * (u - 32) / 32).ravel(), rtol=1e-5)
    near, _ = found.point_cloud(fov=90.0, max_depth=10.0)
    assert near[:, 2].max() <= 10.0


def test_without_one_they_have_the_training_camera_scaled_to_the_picture(load):
    predictor = load(intrinsics=(60.0, 61.0, 30.0, 20.0))
    found = predictor.predict_image(np.repeat(np.repeat(PIXELS, 2, 0), 2, 1))
    np.testing.assert_array_equal(found.training_camera, [[120.0, 0, 60.0], [0, 122.0, 40.0], [0, 0, 1]])
    default, _ = found.point_cloud()
    given, _ = found.point_cloud(found.training_camera)
    np.testing.assert_array_equal(default, given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs the picture's camera"),
        ({"fov": 60.0, "intrinsics": np.eye(3)}, "got both"),
        ({"fov": 180.0}, "got 180"),
        ({"intrinsics": np.array([[0.6, 0, 0.5], [0, 0.8, 0.5], [0, 0, 1]])}, "look normalised"),
    ],
)
def test_cameras_that_cannot_be(arguments, message, load):
    with pytest.raises(UserError, match=message):
        load().predict_image(PIXELS).point_cloud(**arguments)
