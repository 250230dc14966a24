"""Structural similarity as a loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_C1 = 0.01**2
_C2 = 0.03**2
# Images are in [0, 1]: taking the middle off before squaring keeps the digits that mean(x^2) - mean(x)^2
# would cancel. Variances do not notice the shift; the means get it back.
_MIDDLE = 0.5


@dataclass(frozen=True)
class TargetStatistics:
    """Local statistics of a target image, shared by every prediction compared with it."""

    centred: Tensor  # [B, C, H + 2, W + 2] the image less its middle, borders reflected
    mean: Tensor  # [B, C, H, W] local mean of `centred`
    variance: Tensor  # [B, C, H, W]


def target_statistics(target: Tensor) -> TargetStatistics:
    """Local 3x3 statistics of a target [B, C, H, W]; H and W at least 2."""
    centred = F.pad(target - _MIDDLE, (1, 1, 1, 1), mode="reflect")
    mean = _mean3x3(centred)
    return TargetStatistics(centred, mean, _mean3x3(centred * centred) - mean * mean)


def ssim_loss_map(prediction: Tensor, target: Tensor, statistics: TargetStatistics | None = None) -> Tensor:
    """(1 - SSIM) / 2 clamped to [0, 1], per channel: [B, C, H, W].

    Wang et al. 2004 with 3x3 box windows and reflected borders, as in Monodepth2.

    Args:
        prediction: [B, C, H, W] in [0, 1].
        target: [B, C, H, W] in [0, 1].
        statistics: `target_statistics(target)`, to compute them once for several predictions.
    """
    y = target_statistics(target) if statistics is None else statistics
    x = F.pad(prediction - _MIDDLE, (1, 1, 1, 1), mode="reflect")
    mean = _mean3x3(x)
    variance = _mean3x3(x * x) - mean * mean
    covariance = _mean3x3(x * y.centred) - mean * y.mean
    mean_x, mean_y = mean + _MIDDLE, y.mean + _MIDDLE
    numerator = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    denominator = (mean_x * mean_x + mean_y * mean_y + _C1) * (variance + y.variance + _C2)
    return torch.clamp((1 - numerator / denominator) / 2, 0, 1)


def _mean3x3(padded: Tensor) -> Tensor:
    return F.avg_pool2d(padded, 3, stride=1)
