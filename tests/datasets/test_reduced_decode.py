"""Large JPEGs are decoded at reduced size: how far that is from decoding all of them, and where it is not done."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from geometry.camera import intrinsics_matrix
from selfsup_depth.datasets import DatasetRequest, ViewDataset, ViewSource
from selfsup_depth.datasets import images as module
from selfsup_depth.datasets.images import SPARE, read_image, read_resized, resize_image
from selfsup_depth.errors import UserError

PICTURES = {
    "coffee": skimage.data.coffee, "astronaut": skimage.data.astronaut, "rocket": skimage.data.rocket,
    "chelsea": skimage.data.chelsea, "motorcycle": lambda: skimage.data.stereo_motorcycle()[0],
}  # fmt: skip


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Files that were decoded whole."""
    whole: list[str] = []
    monkeypatch.setattr(module, "read_image", lambda path, content: whole.append(path) or read_image(path, content))
    return whole


def write(path: Path, picture: np.ndarray, **how: object) -> str:
    Image.fromarray(picture).save(path, quality=92, **how)
    return str(path)


def cut(picture: np.ndarray, factor: int) -> np.ndarray:
    """Sides that the factor divides."""
    height, width = (length // factor * factor for length in picture.shape[:2])
    return picture[:height, :width]


def difference(path: str, height: int, width: int) -> torch.Tensor:
    image, stored = read_resized(path, height, width)
    whole = read_image(path)
    assert stored == tuple(whole.shape[-2:])
    assert image.shape == (3, height, width) and image.dtype == torch.uint8
    return (image.int() - resize_image(whole, height, width).int()).abs().float().flatten()


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("name", PICTURES)
def test_it_is_within_what_the_limit_promises(tmp_path, decoded, name, factor):
    picture = cut(PICTURES[name](), factor)
    path = write(tmp_path / "photo.jpg", picture, subsampling="4:2:0")
    height, width = (length // (SPARE * factor) for length in picture.shape[:2])
    apart = difference(path, height, width)
    assert decoded == []
    assert 0 < apart.mean() <= (1.3 if factor == 4 else 1.8)
    assert apart.kthvalue(int(0.999 * apart.numel())).values <= (10 if factor == 4 else 13)


def test_one_resize_filter_or_another_is_at_least_twice_as_far_apart(tmp_path):
    ratios = []
    for name, picture in PICTURES.items():
        stored = cut(picture(), 4)
        path = write(tmp_path / f"{name}.jpg", stored)
        height, width = stored.shape[0] // (4 * SPARE), stored.shape[1] // (4 * SPARE)
        lanczos = Image.open(path).resize((width, height), Image.Resampling.LANCZOS)
        bilinear = resize_image(read_image(path), height, width)
        filters = (torch.from_numpy(np.array(lanczos)).permute(2, 0, 1).int() - bilinear.int()).abs().float().mean()
        ratios.append(filters / difference(path, height, width).mean())
    assert min(ratios) > 2
    assert np.mean(ratios) > 3


def test_content_stays_where_it_was(tmp_path):
    """A resize that stretched the picture would be off by pixels at its end."""
    ramp = np.broadcast_to(np.linspace(0, 255, 1920)[None, :, None], (960, 1920, 3)).astype(np.uint8)
    apart = difference(write(tmp_path / "ramp.jpg", np.ascontiguousarray(ramp)), 96, 160)
    assert apart.max() <= 1


@pytest.mark.parametrize(
    ("size", "asked"),
    [
        ((375, 1242), (192, 640)),  # KITTI as it is trained on
        ((800, 800), (101, 100)),  # less than twice 1/4
        ((800, 806), (100, 100)),  # a width that 4 does not divide: the quarter would be stretched
    ],
)
def test_it_is_left_alone_elsewhere(tmp_path, decoded, size, asked):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    path = write(tmp_path / "photo.jpg", picture)
    image, stored = read_resized(path, *asked)
    assert decoded == [path]
    assert stored == size
    assert torch.equal(image, resize_image(read_image(path), *asked))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_other_formats_are_read_whole(tmp_path, decoded, suffix):
    path = write(tmp_path / f"photo{suffix}", np.zeros((96, 192, 3), np.uint8))
    assert read_resized(path, 8, 16)[1] == (96, 192)
    assert decoded == [path]


def test_the_header_is_found_behind_an_exif_thumbnail(tmp_path, decoded):
    exif = Image.Exif()
    exif[0x010E] = "x" * 60_000
    path = write(tmp_path / "photo.jpg", np.zeros((96, 192, 3), np.uint8), exif=exif)
    assert read_resized(path, 8, 16)[1] == (96, 192)
    assert decoded == []


def test_grey_becomes_three_channels_and_rotation_tags_are_left_alone(tmp_path, decoded):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = write(tmp_path / "grey.jpg", np.full((96, 192), 77, np.uint8), exif=exif)
    image, stored = read_resized(path, 8, 16)
    assert (stored, decoded) == ((96, 192), [])
    assert torch.equal(image, torch.full((3, 8, 16), 77, dtype=torch.uint8))


def test_broken_files_are_named(tmp_path):
    path = write(tmp_path / "cut.jpg", np.random.default_rng(0).integers(0, 256, (192, 384, 3), dtype=np.uint8))
    whole = Path(path).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:30], b"\xff\xd8\xff\xe0", b""):
        Path(path).write_bytes(content)
        with pytest.raises(UserError, match=r"cut\.jpg cannot be read as an image"):
            read_resized(path, 16, 32)
    with pytest.raises(UserError, match=r"gone\.jpg is missing"):
        read_resized(str(tmp_path / "gone.jpg"), 16, 32)


def test_samples_of_large_photos_have_the_camera_of_the_stored_size(tmp_path, one_camera, decoded):
    photo = write(tmp_path / "photo.jpg", cut(skimage.data.astronaut(), 8))

    class Photos(one_camera):
        K = intrinsics_matrix(400.0, 410.0, 250.0, 260.0)
        read_image = ViewSource.read_image

        def image_path(self, view):
            return photo

    request = DatasetRequest(height=64, width=32)
    sample = ViewDataset("photos", Photos(request), request)[0]
    assert decoded == []
    assert sample.intrinsics[0, 0].tolist() == [400.0 / 16, 0, 250.0 / 16]
    assert sample.intrinsics[0, 1].tolist() == [0, 410.0 / 8, 260.0 / 8]
