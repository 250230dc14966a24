"""Reading one image file: uint8 RGB, decoded once, resized once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F

from selfsup_depth.errors import UserError

#: What we look for, in this order, where a data set does not name its suffix.
IMAGE_SUFFIXES = (".jpg", ".png", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")

#: Pillow's ways of saying that a file is broken, or far too large to be an image.
BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
#: A JPEG is decoded at 1/4 or 1/8 of its size where that is still so many times the size asked for: photos of 8 times
#: the size of training then cost 0.65 times as much. It changes what comes out by 0.8 grey levels on average (1.2 at
#: 1/8) and by 10 (13) in a thousandth of the values (`tests/datasets/test_reduced_decode.py`), a third of what one
#: resize filter or another changes; with nothing to spare it were 2 and 30. At 1/2 Pillow's decoder saves nothing.
SPARE = 2
_REDUCTIONS = (8, 4)
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG segments that tell the size


def read_image(path: str, content: Tensor | None = None) -> Tensor:
    """The image at `path` as [3, h, w] uint8 RGB; grey becomes three channels, alpha is dropped.

    EXIF rotation is not applied: calibrations belong to the stored pixels.
    Raises UserError when the file is missing, truncated, not an image or has 16 bits a channel.

    Args:
        content: the bytes of the file, where they have been read already.
    """
    try:
        # torchvision decodes JPEGs in three quarters of Pillow's time (as OpenCV and simplejpeg do, to the same
        # pixels: benchmarks/RESULTS.md); its layout (channels last) is also what its fast uint8 resize wants.
        content = _bytes_of(path) if content is None else content
        image = decode_image(content, mode=ImageReadMode.RGB)
    except (RuntimeError, OSError) as error:
        image = _read_with_pillow(path, reason=error)
    if image.dtype != torch.uint8:
        raise UserError(_sixteen_bit_message(path))
    if image.ndim != 3:
        raise UserError(
            f"{path} holds an animation of {len(image)} frames where one picture was expected: "
            "store its frames as separate files."
        )
    return image


def _bytes_of(path: str) -> Tensor:
    """uint8; read once, by Python, which takes half as long as torchvision."""
    with open(path, "rb", buffering=0) as file:
        content = torch.empty(os.fstat(file.fileno()).st_size, dtype=torch.uint8)
        file.readinto(content.numpy().data)
    return content


def _read_with_pillow(path: str, reason: Exception) -> Tensor:
    """Formats torchvision does not know (BMP, PPM, TIFF, odd JPEGs)."""
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith(("I", "F")):
                raise UserError(_sixteen_bit_message(path))
            array = np.array(picture.convert("RGB"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: restore the file, or start anew without it.") from reason
    except UserError:
        raise
    except BROKEN as error:
        raise UserError(
            f"{path} cannot be read as an image ({error}): the file is truncated or not an image. "
            "Replace it, or leave it out (delete it, and its line where a list names it)."
        ) from error
    return torch.from_numpy(array).permute(2, 0, 1)


def _sixteen_bit_message(path: str) -> str:
    return (
        f"{path} has more than 8 bits a channel where an 8-bit colour or grey image was expected "
        "(is it a depth map?): convert it to 8 bits."
    )


def resize_image(image: Tensor, height: int, width: int) -> Tensor:
    """[3, h, w] uint8 -> [3, height, width] uint8, bilinear with antialiasing.

    Bilinear on uint8 is the fastest antialiased resize there is on a CPU (half the time of Lanczos
    on uint8, a sixteenth of Pillow's Lanczos); the originals' chain of Lanczos resizes differs from it
    by less than the colour jitter does.
    """
    if image.shape[-2:] == (height, width):
        return image
    return F.resize(image, [height, width], antialias=True)


def read_resized(path: str, height: int, width: int) -> tuple[Tensor, tuple[int, int]]:
    """The image at `path` as [3, height, width] uint8 RGB, and the (height, width) that is stored.

    As `read_image` and `resize_image` within what `SPARE` says; raises as the former does.
    """
    try:
        content = _bytes_of(path)
    except OSError:
        content = None  # reading the image says what is wrong
    stored = None if content is None else _jpeg_size(content.numpy().data)
    factor = 1 if stored is None else _reduction(stored, height, width)
    if stored is not None and factor > 1:
        image = _decode_reduced(path, stored[0] // factor, stored[1] // factor)
        if image is not None:
            return resize_image(image, height, width), stored
    image = read_image(path, content)
    return resize_image(image, height, width), (image.shape[-2], image.shape[-1])


def _decode_reduced(path: str, height: int, width: int) -> Tensor | None:
    """[3, height, width] by the JPEG decoder's own reduction; None where it does not come out like that."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (width, height))
            if picture.size != (width, height) or picture.mode not in ("RGB", "L"):
                return None
            array = np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None  # reading it whole says what is wrong
    return torch.from_numpy(array).permute(2, 0, 1)


def _reduction(stored: tuple[int, int], height: int, width: int) -> int:
    """The largest reduction that leaves enough and cuts no block: else the picture would be stretched a little."""
    for factor in _REDUCTIONS:
        enough = stored[0] >= SPARE * factor * height and stored[1] >= SPARE * factor * width
        if enough and stored[0] % factor == 0 and stored[1] % factor == 0:
            return factor
    return 1


def _jpeg_size(content: memoryview) -> tuple[int, int] | None:
    """(height, width) as the header of a JPEG says; None for anything else."""
    if bytes(content[:2]) != b"\xff\xd8":
        return None
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        if content[place + 1] in _START_OF_FRAME:
            return int.from_bytes(content[place + 5 : place + 7]), int.from_bytes(content[place + 7 : place + 9])
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    return None


def read_depth_png(path: str | Path, scale: float = 256.0) -> np.ndarray:
    """A 16-bit depth map, float32 [h, w] metres = value / `scale`, 0 = invalid (KITTI's format).

    Raises UserError when the file is missing, unreadable or not a 16-bit grey image.
    """
    try:
        with Image.open(path) as picture:
            if not picture.mode.startswith("I"):
                raise UserError(
                    f"{path} is an 8-bit '{picture.mode}' image where a 16-bit depth map (metres * {scale:g}) was "
                    "expected",
                    cause="depth that was scaled to 8 bits, or coloured, to be looked at",
                    remedy="a colour picture of depth holds no depth, so export the maps anew with 16 bits, metres * "
                    f"{scale:g}, 0 where nothing is known",
                )
            values = np.array(picture)
    except UserError:
        raise
    except BROKEN as error:
        raise UserError(f"{path} cannot be read as a depth map ({error})", remedy="replace the file") from error
    return values.astype(np.float32) / np.float32(scale)
