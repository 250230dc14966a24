"""Reading one image file: uint8 RGB, decoded once, resized once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms.v2 import functional as F

from selfsup_depth.errors import UserError

#: What we look for, in this order, where a data set does not name its suffix.
IMAGE_SUFFIXES = (".jpg", ".png", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")

#: Pillow's ways of saying that a file is broken, or far too large to be an image.
BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def read_image(path: str) -> Tensor:
    """The image at `path` as [3, h, w] uint8 RGB; grey becomes three channels, alpha is dropped.

    EXIF rotation is not applied: calibrations belong to the stored pixels.
    Raises UserError when the file is missing, truncated, not an image or has 16 bits a channel.
    """
    try:
        # torchvision decodes in half of Pillow's time; its layout (channels last) is also what
        # its fast uint8 resize wants.
        image = decode_image(read_file(path), mode=ImageReadMode.RGB)
    except RuntimeError as error:
        image = _read_with_pillow(path, reason=error)
    if image.dtype != torch.uint8:
        raise UserError(_sixteen_bit_message(path))
    if image.ndim != 3:
        raise UserError(
            f"{path} holds an animation of {len(image)} frames where one picture was expected: "
            "store its frames as separate files."
        )
    return image


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
