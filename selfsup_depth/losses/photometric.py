"""How differently two images look."""

from __future__ import annotations

from torch import Tensor

from selfsup_depth.losses.ssim import TargetStatistics, ssim_loss_map


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
    absolute = (target - prediction).abs().mean(1, keepdim=True)
    if ssim_weight == 0:
        return absolute
    ssim = ssim_loss_map(prediction, target, statistics).mean(1, keepdim=True)
    return ssim_weight * ssim + (1.0 - ssim_weight) * absolute
