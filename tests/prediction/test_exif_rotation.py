"""Photos are turned as Pillow turns them, and their cameras with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from geometry.camera import intrinsics_matrix
from selfsup_depth.prediction.exif import stored_orientation, turn_image, turn_intrinsics

SIZE = (5, 7)  # height, width


def tagged(path, orientation, **options):
    pixels = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(orientation, tmp_path):
    path = tagged(tmp_path / "a.png", orientation)
    assert stored_orientation(path) == orientation
    with Image.open(path) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
        stored = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    np.testing.assert_array_equal(turn_image(stored, orientation).permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_turns_with_the_picture(orientation):
    """The pixel that shows a ray is found at the same colour after the turn."""
    height, width = SIZE
    index = torch.arange(height * width).reshape(1, height, width)
    turned = turn_image(index, orientation)[0]
    K = intrinsics_matrix(9.0, 8.0, 3.2, 2.9).double()
    turned_K = turn_intrinsics(K, orientation, SIZE)
    # angles of each pixel's ray to the two axes, up to the exchange and the signs of the turn
    rays = {}
    for name, camera, picture in (("stored", K, index[0]), ("turned", turned_K, turned)):
        v, u = torch.meshgrid(*(torch.arange(n) + 0.5 for n in picture.shape), indexing="ij")
        x, y = (u - camera[0, 2]) / camera[0, 0], (v - camera[1, 2]) / camera[1, 1]
        order = picture.flatten().argsort()
        rays[name] = torch.stack([x.flatten()[order].abs(), y.flatten()[order].abs()])
    expected = rays["stored"].flip(0) if orientation >= 5 else rays["stored"]
    torch.testing.assert_close(rays["turned"], expected)


@pytest.mark.parametrize("tag", [None, 0, 9])
def test_no_sensible_tag_is_upright(tag, tmp_path):
    assert stored_orientation(tagged(tmp_path / "a.jpg", tag)) == 1


def test_a_tiff_was_turned_by_pillow_already(tmp_path):
    assert stored_orientation(tagged(tmp_path / "a.tiff", 6)) == 1


def test_what_cannot_be_opened_is_upright(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    assert stored_orientation(tmp_path / "a.jpg") == 1
