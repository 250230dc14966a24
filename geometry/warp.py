"""Look up one image at pixels of another. The only place that calls `grid_sample`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.projection import NEAREST_Z, reproject

_FILL_MODES = {"border": "replicate", "zeros": "constant"}


@dataclass(frozen=True)
class Warped:
    """A source image as the target camera would see it."""

    image: Tensor  # [B, C, H, W]
    valid: Tensor  # [B, 1, H, W] bool: in front of both cameras and inside the source image
    pixels: Tensor  # [B, 2, H, W] where in the source each pixel was looked up


@dataclass(frozen=True)
class SamplingImage:
    """An image made ready for `sample`: do it once where several scales read the same image."""

    filled: Tensor  # [B, C, h', w'], h' and w' the next powers of two
    height: int
    width: int
    padding: str


def prepare_for_sampling(image: Tensor, padding: str = "border") -> SamplingImage:
    """Extend an image [B, C, h, w] to the next power of two to the right and below.

    `grid_sample` takes coordinates divided by the image's size, which in float32 displaces whole pixels by
    up to 4e-5 unless the size is a power of two. Then they are exact, and so is a lookup at whole pixels.

    Raises:
        ValueError: padding is neither "border" (repeat the nearest pixel) nor "zeros".
    """
    if padding not in _FILL_MODES:
        raise ValueError(f"padding must be one of {sorted(_FILL_MODES)}, but is {padding!r}.")
    height, width = image.shape[-2:]
    right, below = _power_of_two(width) - width, _power_of_two(height) - height
    filled = F.pad(image, (0, right, 0, below), mode=_FILL_MODES[padding]) if right or below else image
    return SamplingImage(filled, height, width, padding)


def sample(image: Tensor | SamplingImage, pixels: Tensor, padding: str = "border") -> Tensor:
    """Bilinear lookup of `image` [B, C, h, w] at `pixels` [B, 2, H, W] (u, v); returns [B, C, H, W].

    Whole pixels (centres at k + 0.5) are returned unchanged, at any size. Outside, "border" repeats the
    nearest pixel and "zeros" fades to 0 within one pixel.

    Raises:
        ValueError: padding is unknown, or not the one that a `SamplingImage` was prepared with.
    """
    if isinstance(image, Tensor):
        image = prepare_for_sampling(image, padding)
    elif image.padding != padding:
        raise ValueError(f"The image was prepared with padding {image.padding!r}, but {padding!r} is asked for.")
    height, width = image.filled.shape[-2:]
    u, v = pixels.unbind(1)
    grid = torch.stack([u * (2.0 / width) - 1.0, v * (2.0 / height) - 1.0], dim=-1)
    return F.grid_sample(image.filled, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def warp(
    source: Tensor | SamplingImage,
    depth: Tensor,
    target_K: Tensor,
    source_K: Tensor,
    source_T_target: Tensor,
) -> Warped:
    """The source image seen from the target camera, given the target's depth.

    Zhou et al. 2017 (SfMLearner), equation 2; differentiable in source, depth, intrinsics and motion.

    Args:
        source: [B, C, h, w], or prepared with padding "border".
        depth: [B, 1, H, W] of the target, in the unit of the translation.
        target_K, source_K: [B, 3, 3] in pixels of their own images.
        source_T_target: [B, 4, 4] maps target points to the source camera.
    """
    pixels, z = reproject(depth, target_K, source_K, source_T_target)
    height, width = (source.height, source.width) if isinstance(source, SamplingImage) else source.shape[-2:]
    u, v = pixels.detach().split(1, dim=1)
    inside = (u >= 0) & (u <= width) & (v >= 0) & (v <= height)
    valid = inside & (z > NEAREST_Z) & (depth > 0)
    return Warped(sample(source, pixels), valid, pixels)


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()
