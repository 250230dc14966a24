"""How differently two images look."""

from __future__ import annotations

import torch
from torch import Tensor

from selfsup_depth.losses.ssim import TargetStatistics, ssim_loss_map, target_statistics


def photometric_error(
    prediction: Tensor,
    target: Tensor,
    *,
    ssim_weight: float = 0.85,
    statistics: TargetStatistics | None = None,
) -> Tensor:
    """ssim_weight * SSIM loss + (1 - ssim_weight) * L1, averaged over channels: [B, 1, H, W].

    Monodepth2 (Godard et al. 2019), equation 2. Weight 0 is plain L1.

    Args:
        prediction: [B, C, H, W] in [0, 1], usually a warped source.
        target: [B, C, H, W] in [0, 1].
        statistics: `target_statistics(target)`, to compute them once for several predictions.
    """
    if ssim_weight == 0:
        return _absolute_error(prediction, target)
    if statistics is None:
        statistics = target_statistics(target)
    if prediction.device.type != "cpu" or torch.compiler.is_compiling():
        return _mixed_error(prediction, target, ssim_weight, statistics)
    # One image at a time stays in a processor's cache: nearly twice as fast at 640x192, and the same numbers.
    images = zip(prediction.split(1), target.split(1), strict=True)
    return torch.cat([_mixed_error(p, t, ssim_weight, statistics.image(i)) for i, (p, t) in enumerate(images)])


def _mixed_error(prediction: Tensor, target: Tensor, ssim_weight: float, statistics: TargetStatistics) -> Tensor:
    ssim = ssim_loss_map(prediction, target, statistics).mean(1, keepdim=True)
    return ssim_weight * ssim + (1.0 - ssim_weight) * _absolute_error(prediction, target)


def _absolute_error(prediction: Tensor, target: Tensor) -> Tensor:
    return (target - prediction).abs().mean(1, keepdim=True)
