"""Where depth jumps: Sobel gradients, and thresholds that are quantiles of the image itself."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def sobel(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes per pixel to the right and down, [B, 1, H, W] each: Sobel kernels over 8, borders repeated."""
    # slices and not a convolution: autocast would make that half precision, and repeating by padding is not
    # deterministic on a GPU
    wide = torch.cat((depth[..., :1], depth, depth[..., -1:]), -1)
    padded = torch.cat((wide[..., :1, :], wide, wide[..., -1:, :]), -2)
    rows = (padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]) / 8
    columns = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 8
    return rows[..., 2:] - rows[..., :-2], columns[..., 2:, :] - columns[..., :-2, :]


def gradient_magnitude(depth: Tensor, floor: float | None = None) -> Tensor:
    """sqrt(gx^2 + gy^2 + floor) of the Sobel slopes: [B, 1, H, W].

    Args:
        floor: None: the smallest that keeps the derivative finite where the depth is flat.
    """
    gx, gy = sobel(depth)
    return (gx * gx + gy * gy + (torch.finfo(depth.dtype).tiny if floor is None else floor)).sqrt()


def soft_edges(magnitude: Tensor, threshold: Tensor, width: Tensor) -> Tensor:
    """0.5 (1 + softsign((g - q) / width)), a step that has a slope everywhere: in (0, 1), 0.5 at g = q."""
    return 0.5 * (1 + F.softsign((magnitude - threshold) / width))


def crop_border(image: Tensor, border: int) -> Tensor:
    """The image less `border` pixels at each side; less a quarter of the shorter side if that is smaller."""
    height, width = image.shape[-2:]
    border = min(border, min(height, width) // 4)
    return image[..., border : height - border, border : width - border]


def whole_windows(valid: Tensor) -> Tensor:
    """Pixels whose 3x3 window has no invalid pixel: [B, 1, H, W] bool."""
    padded = F.pad(valid, (1, 1, 1, 1), value=True)
    rows = padded[..., :-2, :] & padded[..., 1:-1, :] & padded[..., 2:, :]
    return rows[..., :-2] & rows[..., 1:-1] & rows[..., 2:]


@torch.no_grad()
def image_quantile(values: Tensor, counted: Tensor, quantile: float) -> Tensor:
    """The quantile of each image over its counted pixels, [B, 1, 1, 1]; 0 where there is none.

    Interpolated linearly like `torch.quantile`, but for any number of pixels, and without a gradient.

    Args:
        values: [B, 1, H, W].
        counted: [B, 1, H, W] bool.
        quantile: in [0, 1]; takes the less time the nearer it is to 1.
    """
    values = torch.where(counted, values, -torch.inf).flatten(1)
    most = values.shape[1]
    largest = values.topk(min(most, math.ceil((1 - quantile) * (most - 1)) + 1), dim=1).values
    largest = torch.where(largest == -torch.inf, 0, largest)  # reached by images without a counted pixel only
    last = (counted.flatten(1).sum(1, keepdim=True) - 1).clamp(min=0, max=most - 1)
    place = (last * (1 - quantile)).clamp(max=largest.shape[1] - 1)
    below, above = place.floor().long(), place.ceil().long()
    weight = (place - below).to(values.dtype)
    return torch.lerp(largest.gather(1, below), largest.gather(1, above), weight)[..., None, None]


def image_mean(values: Tensor, counted: Tensor) -> Tensor:
    """Mean of each image [B, 1, H, W] over its counted pixels: [B]; 0 where there is none."""
    total = torch.where(counted, values, 0).sum((1, 2, 3))
    return total / counted.sum((1, 2, 3)).clamp(min=1)
