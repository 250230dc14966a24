"""Differentiable comparisons: functions that return unreduced maps where a pixel can be left out."""

from selfsup_depth.losses.aligned_target import AlignedTarget, aligned_depth
from selfsup_depth.losses.alignment import Alignment, align, align_robust, align_scale
from selfsup_depth.losses.photometric import photometric_error
from selfsup_depth.losses.predictive_mask import predictive_mask_loss
from selfsup_depth.losses.smoothness import edge_aware_smoothness
from selfsup_depth.losses.ssim import TargetStatistics, ssim_loss_map, target_statistics
from selfsup_depth.losses.structure import spatial_loss, statistical_loss
from selfsup_depth.losses.structure_repo import repo_spatial_loss, repo_statistical_loss

__all__ = [
    "AlignedTarget",
    "Alignment",
    "TargetStatistics",
    "align",
    "align_robust",
    "align_scale",
    "aligned_depth",
    "edge_aware_smoothness",
    "photometric_error",
    "predictive_mask_loss",
    "repo_spatial_loss",
    "repo_statistical_loss",
    "spatial_loss",
    "ssim_loss_map",
    "statistical_loss",
    "target_statistics",
]
