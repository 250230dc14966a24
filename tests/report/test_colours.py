"""Coloured maps and their bars."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from selfsup_depth.report import colours
from selfsup_depth.report.colours import (
    data_uri,
    depth_bar,
    depth_picture,
    depth_range,
    error_picture,
    gradient,
    mask_picture,
)

GREY = [128, 128, 128]


def decoded(uri: str) -> np.ndarray:
    head, data = uri.split(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def test_near_is_bright_and_unknown_is_grey():
    depth = np.array([[1.0, 3.0, 9.0], [0.0, np.nan, np.inf]])
    pixels = depth_picture("depth", depth, 1.0, 9.0, "metres").pixels
    brightness = pixels[0].astype(int).sum(axis=1)
    assert brightness[0] > brightness[1] > brightness[2]
    assert pixels[1].tolist() == [GREY] * 3


def test_the_bar_has_the_colours_of_the_picture():
    """The place of a tick is the place of its depth in the colormap."""
    bar = depth_bar(1.0, 100.0, "metres")
    assert bar.ticks == ((0.0, "1"), (pytest.approx(0.5), "10"), (1.0, "100"))
    assert depth_bar(2.0, 30.0, "m").ticks[-1] == (pytest.approx(np.log(10) / np.log(15)), "20")
    assert gradient(bar.colormap).startswith("linear-gradient(to right, #fcfdbf")


@pytest.mark.parametrize(("near", "far"), [(1.36, 3.6), (4.2, 6.5), (7.51, 7.99), (0.02, 0.021), (0.1, 80.0)])
def test_narrow_ranges_have_ticks_too(near, far):
    places = [place for place, _ in depth_bar(near, far, "m").ticks]
    assert 2 <= len(places) <= 12 and all(0 <= place <= 1 for place in places)


def test_a_range_holds_all_maps_and_is_never_empty():
    near, far = depth_range(np.linspace(1, 10, 1001), np.linspace(20, 30, 1001))
    assert (near, far) == pytest.approx((1.18, 29.8))
    assert depth_range(np.full(9, 5.0)) == pytest.approx((5.0, 5.25))
    assert depth_range(np.zeros(9)) == (1.0, 2.0)


def test_errors_have_a_sign():
    truth = np.array([[10.0, 10.0, 10.0, 0.0]])
    near, right, far, unknown = error_picture("error", np.array([[5.0, 10.0, 15.0, 9.0]]), truth).pixels[0].astype(int)
    assert near[0] > near[2] + 50 and far[2] > far[0] + 50  # red, blue
    assert right.min() > 240 and unknown.tolist() == GREY


def test_sparse_points_grow_and_dense_ones_do_not():
    depth = np.zeros((20, 20))
    depth[10, 10] = 5.0
    known = (depth_picture("depth", depth, 1.0, 9.0, "m").pixels != 128).any(axis=2)
    assert 9 <= known.sum() <= 21 and known[10, 8] and not known[10, 7]
    half = np.where(np.arange(20) < 12, 5.0, 0.0) * np.ones((20, 1))
    assert (depth_picture("depth", half, 1.0, 9.0, "m").pixels != 128).any(axis=2).sum() == 12 * 20


def test_masked_pixels_are_dark():
    image = np.full((2, 2, 3), 240, np.uint8)
    pixels = mask_picture("mask", image, np.array([[1.0, 0.0], [0.0, 1.0]])).pixels
    assert pixels[..., 0].tolist() == [[240, 40], [40, 240]]


def test_pictures_survive_and_wide_ones_shrink():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 100:] = (255, 0, 0)
    seen = decoded(data_uri(picture))
    assert seen.shape == (100, 200, 3)
    assert np.abs(seen[50, 20] - [0, 0, 0]).max() < 12 and np.abs(seen[50, 180] - [255, 0, 0]).max() < 12
    wide = decoded(data_uri(np.zeros((375, 1242, 3), np.uint8)))
    assert wide.shape == (193, colours.LARGEST_WIDTH, 3)
