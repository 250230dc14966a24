"""3x3 windows with reflected borders, and their transposes. Shifted slices vectorise, pooling does not.

A *ring* image has one more row and column at each side: the reflected border as pixels of its own.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def reflected(image: Tensor) -> Tensor:
    """[B, C, H, W] with a reflected ring: [B, C, H + 2, W + 2]; H and W at least 2."""
    return F.pad(image, (1, 1, 1, 1), mode="reflect")


def reflected_transposed(ring: Tensor) -> Tensor:
    """The transpose of `reflected`: pixels [..., H, W] collect what their copies on the ring hold."""
    for dim in (-2, -1):
        size = ring.shape[dim]
        inner = ring.narrow(dim, 1, size - 2)
        first = F.pad(ring.narrow(dim, 0, 1), _along(dim, 1, size - 4))
        last = F.pad(ring.narrow(dim, size - 1, 1), _along(dim, size - 4, 1))
        ring = inner + first + last
    return ring


def sum3x3(ring: Tensor) -> Tensor:
    """Sums over the 3x3 windows of a ring image: [..., H + 2, W + 2] to [..., H, W]."""
    rows = ring[..., :-2, :] + ring[..., 1:-1, :] + ring[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]


def cut(image: Tensor, margin: int) -> Tensor:
    """The image without so many pixels at each side."""
    return image[..., margin:-margin, margin:-margin]


def _along(dim: int, before: int, after: int) -> tuple[int, ...]:
    return (before, after) if dim == -1 else (0, 0, before, after)
