"""Flip blending: one prediction out of an image's and its mirror image's (Godard et al., CVPR 2017)."""

from __future__ import annotations

import torch
from torch import Tensor


def blend_flipped(direct: Tensor, mirrored: Tensor) -> Tensor:
    """Blends the inverse depth of an image with that of its mirror image, mirrored back.

    The two are averaged, but the left 5 % come from the mirrored pass and the right 5 % from the
    direct one, with ramps of 5 %: there each of them is free of the disocclusion ramp at the border
    that stereo training teaches.

    Args:
        direct: [..., H, W] inverse depth of the image.
        mirrored: [..., H, W] inverse depth of the flipped image, already flipped back.

    Returns:
        [..., H, W] in the dtype of `direct`.
    """
    width = direct.shape[-1]
    position = torch.linspace(0, 1, width, dtype=torch.float64, device=direct.device)
    left = (1.0 - torch.clip(20 * (position - 0.05), 0, 1)).to(direct.dtype)
    right = left.flip(-1)
    mean = 0.5 * (direct + mirrored)
    return right * direct + left * mirrored + (1.0 - left - right) * mean
