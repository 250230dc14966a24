"""Structure distillation: the student keeps a frozen teacher's structure, stereo gives it the metres.

DistDepth (Wu et al., CVPR 2022, arXiv:2112.02306); spec D.4. A term beside the photometric objective,
whichever method supplies that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from geometry.depth import disp_to_depth
from selfsup_depth.config import DistillConfig
from selfsup_depth.losses import (
    AlignedTarget,
    aligned_depth,
    repo_spatial_loss,
    repo_statistical_loss,
    spatial_loss,
    statistical_loss,
)
from selfsup_depth.structures import Batch, Losses

#: what the teacher's maps are: disparity up to scale and shift, or depth
Quantity = Literal["disparity", "depth"]


@dataclass(frozen=True)
class Weights:
    """Of the whole term, of the spatial part inside it, and when they begin."""

    total: float
    spatial: float
    warmup: int = 0  # steps


#: As the paper and as its repository weigh the terms (spec D.2), and ours (docs/distillation.md).
WEIGHTS = {"paper": Weights(0.1, 0.1), "repo": Weights(0.05, 0.02), "ours": Weights(0.2, 0.1, warmup=200)}


#: Of the statistical term.
SCALES = {"paper": 1, "ours": 5}
#: Share of the mean depth per pixel below which a slope is no edge to be sharp about.
LEAST_EDGE = {"paper": 0.0, "ours": 0.01}


class StructureDistillation:
    """Adds the terms `distill/statistical` and `distill/spatial` to the losses of a batch that carries a teacher."""

    def __init__(
        self,
        settings: DistillConfig,
        quantity: Quantity,
        *,
        min_depth: float,
        max_depth: float,
        metres_per_unit: float | None,
    ) -> None:
        published = WEIGHTS[settings.distill_mode]
        self.total = published.total if settings.dist_wt is None else settings.dist_wt
        self.spatial = published.spatial if settings.dist_spatial_wt is None else settings.dist_spatial_wt
        self.warmup = warmup_of(settings)
        self.settings, self.quantity = settings, quantity
        self.min_depth, self.max_depth = min_depth, max_depth
        self.metres_per_unit = metres_per_unit or 1.0

    def __call__(self, losses: Losses, disp: Tensor, batch: Batch) -> None:
        """Add the terms for the sigmoid disparity [B, 1, H, W] of scale 0; float32."""
        if batch.teacher is None:  # validation without depth: the photometric terms alone are compared
            return
        _, student = disp_to_depth(disp, self.min_depth, self.max_depth)
        target = aligned_depth(
            batch.teacher,
            student,
            quantity=self.quantity,
            fit="robust" if self.settings.distill_mode == "ours" else "least_squares",
            min_depth=self.min_depth,
            max_depth=self.max_depth,
        )
        statistical, spatial = self._terms(student, target)
        weight = self.total * self._ramp(batch.step)
        losses.terms["distill/statistical"] = weight * _mean_of_usable(statistical, target.usable)
        losses.terms["distill/spatial"] = weight * self.spatial * _mean_of_usable(spatial, target.usable)
        losses.counts |= dict.fromkeys(("distill/statistical", "distill/spatial"), target.usable.sum())
        losses.maps["teacher"] = target.depth.detach()
        losses.health["teacher_skipped"] = 1 - target.usable.float().mean()

    def _terms(self, student: Tensor, target: AlignedTarget) -> tuple[Tensor, Tensor]:
        """Statistical and spatial term [B]."""
        mode, quantile = self.settings.distill_mode, self.settings.thre
        if mode == "repo":
            return self._published_terms(student, target, quantile)
        return (
            statistical_loss(student, target.depth, target.valid, scales=SCALES[mode]),
            spatial_loss(student, target.depth, target.valid, quantile=quantile, least_edge=LEAST_EDGE[mode]),
        )

    def _published_terms(self, student: Tensor, target: AlignedTarget, quantile: float) -> tuple[Tensor, Tensor]:
        """One number each for the batch, of the usable images; where the teacher knows nothing it agrees."""
        kept = target.usable
        if not kept.any():
            return student.new_zeros(1), student.new_zeros(1)
        told = torch.where(target.valid, target.depth, student.detach())[kept] * self.metres_per_unit
        metres = student[kept] * self.metres_per_unit
        return repo_statistical_loss(metres, told), repo_spatial_loss(metres, told, quantile=quantile)

    def _ramp(self, step: int) -> float:
        """0 for the first steps, then linearly to 1 over as many: early student depth is meaningless to align with."""
        return min(1.0, max(0.0, step / self.warmup - 1)) if self.warmup else 1.0


def warmup_of(settings: DistillConfig) -> int:
    """Steps without the teacher; over as many its weight then grows."""
    return WEIGHTS[settings.distill_mode].warmup if settings.distill_warmup is None else settings.distill_warmup


def hardly_heard(settings: DistillConfig, steps: int) -> str | None:
    """A warning of a training of so many steps that ends before the teacher has its full weight; None: it has it."""
    warmup = warmup_of(settings)
    if settings.distill is None or steps > 2 * warmup:
        return None
    heard = "the teacher is never heard" if steps <= warmup + 1 else "the teacher never has its full weight"
    return (
        f"{heard}: this training has {steps} step{'' if steps == 1 else 's'}, but --distill_warmup lets the student "
        f"learn {warmup} alone and as many with a growing weight of the teacher; give --distill_warmup {steps // 4} (a "
        "quarter of the steps), or train longer"
    )


def _mean_of_usable(per_image: Tensor, usable: Tensor) -> Tensor:
    """Mean over the images [B] whose teacher could be aligned; 0, with a gradient of 0, when there is none.

    `where`, not a product: a skipped image may have any value, NaN too.
    """
    kept = torch.where(usable, per_image, torch.zeros_like(per_image))
    return kept.sum() / usable.sum().clamp(min=1)
