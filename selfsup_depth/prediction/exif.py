"""How a photo is to be turned to be upright, by EXIF's orientation (tag 274, values 1 to 8)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from geometry.camera import flip_intrinsics

ORIENTATION = 274


@dataclass(frozen=True)
class _Turn:
    """First exchange rows and columns, then mirror."""

    transpose: bool
    left_right: bool
    top_bottom: bool


#: EXIF 2.32, "Orientation": where row 0 and column 0 of the stored image belong.
_TURNS = {
    1: _Turn(False, False, False),
    2: _Turn(False, True, False),
    3: _Turn(False, True, True),
    4: _Turn(False, False, True),
    5: _Turn(True, False, False),
    6: _Turn(True, True, False),
    7: _Turn(True, True, True),
    8: _Turn(True, False, True),
}


def stored_orientation(path: Path) -> int:
    """1 to 8; 1 (upright as stored) where an image says nothing, or nothing sensible.

    TIFF counts as upright: Pillow, which reads it, has turned it already.
    """
    try:
        with Image.open(path) as picture:
            found = 1 if picture.format == "TIFF" else picture.getexif().get(ORIENTATION, 1)
    except (OSError, ValueError, SyntaxError):  # damaged metadata of an image whose pixels could be read
        return 1
    return found if found in _TURNS else 1


def turn_image(image: Tensor, orientation: int) -> Tensor:
    """[C, H, W] as stored -> upright, [C, H, W] or [C, W, H]."""
    turn = _TURNS[orientation]
    if turn.transpose:
        image = image.transpose(1, 2)
    flipped = [dim for dim, wanted in ((2, turn.left_right), (1, turn.top_bottom)) if wanted]
    return torch.flip(image, flipped).contiguous()


def turn_intrinsics(K: Tensor, orientation: int, size: tuple[int, int]) -> Tensor:
    """K [3, 3] of an image stored with `size` (height, width) -> K of the image turned upright.

    Without skew, which a turn by a quarter would put in another place of the matrix.
    """
    turn = _TURNS[orientation]
    height, width = size
    if turn.transpose:
        K, (height, width) = _exchange_axes(K), (width, height)
    if turn.left_right:
        K = flip_intrinsics(K, width)
    if turn.top_bottom:
        K = _exchange_axes(flip_intrinsics(_exchange_axes(K), height))
    return K


def _exchange_axes(K: Tensor) -> Tensor:
    order = torch.tensor([1, 0, 2])
    return K[order][:, order]
