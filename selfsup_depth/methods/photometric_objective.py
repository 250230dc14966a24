"""The self-supervised objective: sources warped into the target must look like it.

Godard et al. 2019, section 3: minimum reprojection (eq. 4), auto-masking (eq. 5), full-resolution
multi-scale, edge-aware smoothness (eq. 3); spec A.7, A.8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.camera import resize_intrinsics
from geometry.depth import disp_to_depth
from selfsup_depth.config import LossConfig
from selfsup_depth.losses import (
    TargetStatistics,
    combine_reprojection,
    edge_aware_smoothness,
    photometric_error,
    predictive_mask_loss,
    target_statistics,
)
from selfsup_depth.structures import Batch, FrameId, Losses, View
from selfsup_depth.synthesis import Source, prepare_sources, synthesize

TIE_BREAK = 1e-5  # noise on the identity error, so that exact ties favour neither side
#: depth [B, 1, H, W] -> source_T_target [B, 4, 4] per source, lengths in network units
Transforms = Callable[[Tensor], dict[FrameId, Tensor]]


@dataclass(frozen=True)
class Comparison:
    """Images to compare at one resolution, and what need not be computed twice."""

    target: View
    sources: dict[FrameId, Source]
    statistics: TargetStatistics | None  # of the target, for SSIM
    identity: Tensor | None  # [B, N, H, W] error of the sources without warping


class PhotometricObjective:
    """Disparities and camera motion -> loss terms. Knows no network."""

    def __init__(
        self,
        settings: LossConfig,
        *,
        min_depth: float,
        max_depth: float,
        pyramid: Callable[[View, int], View] | None = None,
    ) -> None:
        self.settings = settings
        self.pyramid = pyramid or at_scale
        self.min_depth, self.max_depth = min_depth, max_depth
        self.ssim_weight = 0.0 if settings.no_ssim else 0.85

    def __call__(
        self,
        batch: Batch,
        disps: dict[int, Tensor],
        transforms: Transforms,
        masks: dict[int, Tensor] | None = None,
        generator: torch.Generator | None = None,
        tie_break: float = TIE_BREAK,
    ) -> Losses:
        """Loss terms of a batch; each is already divided by the number of scales.

        Args:
            disps: scale -> sigmoid disparity [B, 1, H/2^s, W/2^s].
            masks: scale -> predictive mask [B, number of sources, H/2^s, W/2^s].
        """
        losses = Losses(terms={})
        full = None if self.settings.v1_multiscale else self._comparison(batch)
        noise = None
        for scale, disp in disps.items():
            at = full or self._comparison(self._at_scale(batch, scale))
            size = at.target.image.shape[-2:]
            if noise is None or full is None:
                noise = self._noise(at, generator, tie_break)
            mask = _resized(masks[scale], size) if masks else None
            term = self._reprojection(losses, at, _resized(disp, size), transforms, mask, noise, scale)
            losses.terms[f"reprojection/{scale}"] = term / len(disps)
            if mask is not None:
                losses.terms[f"predictive_mask/{scale}"] = predictive_mask_loss(mask) / len(disps)
            if self.settings.disparity_smoothness:
                smoothness = edge_aware_smoothness(disp, self.pyramid(batch.target, scale).image)
                weight = self.settings.disparity_smoothness / 2**scale / len(disps)
                losses.terms[f"smoothness/{scale}"] = weight * smoothness
        return losses

    def _comparison(self, batch: Batch) -> Comparison:
        target = batch.target.image
        statistics = target_statistics(target) if self.ssim_weight else None
        identity = None
        if not self.settings.disable_automasking:
            with torch.no_grad():
                identity = torch.cat(
                    [self._error(source.image, target, statistics) for source in batch.sources.values()], dim=1
                )
        return Comparison(batch.target, prepare_sources(batch.sources), statistics, identity)

    def _at_scale(self, batch: Batch, scale: int) -> Batch:
        sources = {frame: self.pyramid(source, scale) for frame, source in batch.sources.items()}
        return Batch(self.pyramid(batch.target, scale), sources, batch.stereo_T_target)

    def _error(self, image: Tensor, target: Tensor, statistics: TargetStatistics | None) -> Tensor:
        return photometric_error(image, target, ssim_weight=self.ssim_weight, statistics=statistics)

    def _noise(self, at: Comparison, generator: torch.Generator | None, size: float) -> Tensor | None:
        if at.identity is None or not size:
            return None
        batch, sources, height, width = at.identity.shape
        shape = (batch, 1 if self.settings.avg_reprojection else sources, height, width)
        return size * torch.randn(shape, generator=generator, device=at.identity.device)

    def _reprojection(
        self,
        losses: Losses,
        at: Comparison,
        disp: Tensor,
        transforms: Transforms,
        mask: Tensor | None,
        noise: Tensor | None,
        scale: int,
    ) -> Tensor:
        _, depth = disp_to_depth(disp, self.min_depth, self.max_depth)
        warped = synthesize(at.target.intrinsics, at.sources, depth, transforms(depth))
        errors = torch.cat(
            [self._error(view.image, at.target.image, at.statistics) for view in warped.values()], dim=1
        )
        if mask is not None:
            errors = errors * mask
        ignore = self.settings.out_of_view == "ignore"
        combined = combine_reprojection(
            errors,
            at.identity,
            average=self.settings.avg_reprojection,
            tie_break=noise,
            valid=torch.cat([view.valid for view in warped.values()], dim=1) if ignore else None,
        )
        if scale == 0:
            first = next(iter(warped.values()))
            self._describe(losses, disp, depth, errors, at.identity, combined.warped_wins)
            losses.maps |= {"image": at.target.image, "warped": first.image.detach(), "depth": depth.detach()}
        losses.counts[f"reprojection/{scale}"] = combined.counted.sum()
        return combined.mean()

    def _describe(
        self,
        losses: Losses,
        disp: Tensor,
        depth: Tensor,
        errors: Tensor,
        identity: Tensor | None,
        warped_wins: Tensor | None,
    ) -> None:
        """What the health checks watch; nothing here waits for the device."""
        disp, errors = disp.detach(), errors.detach()
        losses.health |= {
            "disparity_variation": (disp.std(dim=(1, 2, 3)) / disp.mean(dim=(1, 2, 3))).mean(),
            "range_saturation": ((disp < 1e-4) | (disp > 1 - 1e-4)).float().mean(),
            "median_depth": depth.detach().flatten(1).median(dim=1).values.mean(),
            "warp_error": errors.min(dim=1).values.mean(),
        }
        if identity is not None:
            losses.health["identity_error"] = identity.min(dim=1).values.mean()
        if warped_wins is not None:
            losses.health["auto_masked"] = 1 - warped_wins.float().mean()
            losses.maps["auto_mask"] = warped_wins.float()


def at_scale(view: View, scale: int) -> View:
    """The view at 1/2^scale: area-averaged, which is exact anti-aliasing for a power of two."""
    if scale == 0:
        return view
    image = F.avg_pool2d(view.image, 2**scale)
    return View(image, view.network_image, resize_intrinsics(view.intrinsics, 0.5**scale, 0.5**scale))


def _resized(disp: Tensor, size: torch.Size) -> Tensor:
    if disp.shape[-2:] == size:
        return disp
    return F.interpolate(disp, size=tuple(size), mode="bilinear", align_corners=False)
