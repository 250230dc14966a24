"""What is minimised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfsup_depth.config.wording import default_of
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class LossConfig:
    """What is minimised."""

    disparity_smoothness: float = 1e-3
    """Weight of the edge-aware smoothness."""
    v1_multiscale: bool = False
    """Compare images at each scale's own resolution (Monodepth v1) instead of at full resolution."""
    avg_reprojection: bool = False
    """Average the reprojection error over the sources instead of taking the minimum."""
    disable_automasking: bool = False
    """Do not mask pixels that look the same without warping."""
    predictive_mask: bool = False
    """Learn a mask per source (Zhou et al. 2017); needs --disable_automasking."""
    no_ssim: bool = False
    """Compare images by L1 alone."""
    out_of_view: Literal["ignore", "border"] = "ignore"
    """Pixels that a source does not see: leave that source out there, or compare with its border
    (as published)."""

    def __post_init__(self) -> None:
        if self.predictive_mask and not self.disable_automasking:
            raise UserError(
                "--predictive_mask cannot work together with auto-masking, which would win over the learnt "
                "mask: add --disable_automasking or leave out --predictive_mask"
            )
        if not self.disparity_smoothness >= 0:
            raise UserError(
                f"--disparity_smoothness must not be negative, found {self.disparity_smoothness:g}"
                + default_of(self, "disparity_smoothness")
            )
