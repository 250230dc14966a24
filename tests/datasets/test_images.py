"""One image file in, uint8 RGB out; or an error that names the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from selfsup_depth.datasets.images import read_depth_png, read_image, resize_image
from selfsup_depth.errors import UserError

COLOUR = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif"])
def test_lossless_formats_are_read_exactly(tmp_path: Path, suffix: str):
    path = tmp_path / f"image{suffix}"
    Image.fromarray(COLOUR).save(path)
    image = read_image(str(path))
    assert image.dtype == torch.uint8
    assert np.array_equal(image.permute(1, 2, 0).numpy(), COLOUR)


def test_jpeg_is_what_pillow_reads(tmp_path: Path):
    path = tmp_path / "image.jpg"
    Image.fromarray(np.kron(COLOUR, np.ones((8, 8, 1), dtype=np.uint8))).save(path, quality=95)
    difference = read_image(str(path)).permute(1, 2, 0).numpy().astype(int) - np.array(Image.open(path))
    assert np.abs(difference).max() <= 1


def test_grey_becomes_three_channels(tmp_path: Path):
    for suffix in (".png", ".jpg"):
        path = tmp_path / f"grey{suffix}"
        Image.fromarray(np.full((8, 8), 77, dtype=np.uint8)).save(path)
        assert torch.equal(read_image(str(path)), torch.full((3, 8, 8), 77, dtype=torch.uint8))


def test_alpha_is_dropped_and_palettes_are_looked_up(tmp_path: Path):
    transparent = np.dstack([COLOUR, np.zeros((9, 14), dtype=np.uint8)])
    Image.fromarray(transparent, "RGBA").save(tmp_path / "alpha.png")
    assert np.array_equal(read_image(str(tmp_path / "alpha.png")).permute(1, 2, 0).numpy(), COLOUR)
    Image.new("RGB", (4, 4), (10, 200, 30)).quantize(4).save(tmp_path / "palette.png")
    assert read_image(str(tmp_path / "palette.png"))[:, 0, 0].tolist() == [10, 200, 30]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_truncated_files_are_named(tmp_path: Path, suffix: str):
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(np.kron(COLOUR, np.ones((8, 8, 1), dtype=np.uint8))).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=f"cut\\{suffix} cannot be read as an image.*or leave it out"):
        read_image(str(path))


def test_files_that_are_no_images_are_named(tmp_path: Path):
    (tmp_path / "text.jpg").write_text("not an image at all")
    with pytest.raises(UserError, match=r"text\.jpg cannot be read as an image"):
        read_image(str(tmp_path / "text.jpg"))
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"empty\.png cannot be read as an image"):
        read_image(str(tmp_path / "empty.png"))
    with pytest.raises(UserError, match=r"gone\.jpg is missing"):
        read_image(str(tmp_path / "gone.jpg"))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_refused(tmp_path: Path, suffix: str):
    path = tmp_path / f"depth{suffix}"
    Image.fromarray(np.full((8, 8), 5000, dtype=np.uint16)).save(path)
    with pytest.raises(UserError, match="more than 8 bits a channel"):
        read_image(str(path))


def test_animations_are_refused(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in (10, 250)]
    frames[0].save(tmp_path / "moving.png", format="GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="animation of 2 frames"):
        read_image(str(tmp_path / "moving.png"))


def test_same_size_is_not_resampled():
    image = torch.from_numpy(COLOUR).permute(2, 0, 1)
    assert resize_image(image, 9, 14) is image


def test_resizing_keeps_a_ramp_where_corner_pixels_say():
    """Centre of pixel i of the small image lies at 4 i + 2 of the large one (align_corners=False)."""
    ramp = torch.arange(0, 240, 2, dtype=torch.uint8).expand(3, 16, 120)
    small = resize_image(ramp, 4, 30)[0, 1, 2:-2].float()
    expected = 2.0 * (4.0 * torch.arange(2, 28) + 1.5)
    assert (small - expected).abs().max() <= 0.5


def test_depth_maps_are_metres_times_256(tmp_path: Path):
    stored = np.array([[0, 256, 20_000]], dtype=np.uint16)
    Image.fromarray(stored).save(tmp_path / "depth.png")
    depth = read_depth_png(tmp_path / "depth.png")
    assert depth.dtype == np.float32
    assert depth.tolist() == [[0.0, 1.0, 78.125]]


def test_pictures_are_not_read_as_depth(tmp_path: Path):
    Image.fromarray(COLOUR).save(tmp_path / "picture.png")
    with pytest.raises(UserError, match=r"picture\.png is an 8-bit 'RGB' image"):
        read_depth_png(tmp_path / "picture.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=r"broken\.png cannot be read as a depth map"):
        read_depth_png(tmp_path / "broken.png")
