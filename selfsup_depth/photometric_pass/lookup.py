"""Bilinear lookup of image planes together with its derivatives, as code that fuses with what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Cells:
    """Where pixels fall between those of an image; all [N, B, h, w]."""

    index: Tensor  # int64: the pixel to the upper left, counted along the rows
    right: Tensor  # [0, 1] how far towards the pixel to the right
    below: Tensor  # [0, 1] how far towards the pixel below
    moves_u: Tensor  # 1 where the lookup changes with u: not at and beyond the border
    moves_v: Tensor
    width: int


def cells(u: Tensor, v: Tensor, height: int, width: int) -> Cells:
    """Cells of pixels (u, v), each [N, B, h, w], in an image of height x width; beyond the border its nearest pixel.

    What is no number falls on the first pixel: every index lies inside.
    """
    x = torch.where(u > 0.5, u - 0.5, 0.0).clamp(max=width - 1.0)
    y = torch.where(v > 0.5, v - 0.5, 0.0).clamp(max=height - 1.0)
    left, top = x.floor().clamp(max=width - 2.0), y.floor().clamp(max=height - 2.0)
    return Cells(
        index=top.to(torch.int64) * width + left.to(torch.int64),
        right=x - left,
        below=y - top,
        moves_u=((u > 0.5) & (u < width - 0.5)).to(u.dtype),
        moves_v=((v > 0.5) & (v < height - 0.5)).to(v.dtype),
        width=width,
    )


def look_up(plane: Tensor, at: Cells) -> tuple[Tensor, Tensor, Tensor]:
    """Values of a plane [N, B, H * W] there, and their derivatives in u and v; [N, B, h, w] each."""

    def corner(offset: int) -> Tensor:
        return plane.gather(2, (at.index + offset).flatten(2)).view(at.index.shape)

    upper_left, lower_left = corner(0), corner(at.width)
    upper, lower = corner(1) - upper_left, corner(at.width + 1) - lower_left
    top, bottom = upper_left + at.right * upper, lower_left + at.right * lower
    value = top + at.below * (bottom - top)
    return value, (upper + at.below * (lower - upper)) * at.moves_u, (bottom - top) * at.moves_v
