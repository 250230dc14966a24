"""Where the pixels of an image are."""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_grid(
    height: int,
    width: int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Pixel centres [2, H, W] as (u, v): u = 0.5 .. W - 0.5 to the right, v = 0.5 .. H - 0.5 down."""
    if height < 1 or width < 1:
        raise ValueError(f"An image needs at least one pixel, but height x width is {height} x {width}.")
    v = torch.arange(height, device=device, dtype=dtype) + 0.5
    u = torch.arange(width, device=device, dtype=dtype) + 0.5
    return torch.stack([u.expand(height, width), v[:, None].expand(height, width)])
