"""Differentiable comparisons: functions that return unreduced maps where a pixel can be left out."""

from selfsup_depth.losses.photometric import photometric_error
from selfsup_depth.losses.reprojection import Reprojection, combine_reprojection, predictive_mask_loss
from selfsup_depth.losses.smoothness import edge_aware_smoothness
from selfsup_depth.losses.ssim import TargetStatistics, ssim_loss_map, target_statistics

__all__ = [
    "Reprojection",
    "TargetStatistics",
    "combine_reprojection",
    "edge_aware_smoothness",
    "photometric_error",
    "predictive_mask_loss",
    "ssim_loss_map",
    "target_statistics",
]
