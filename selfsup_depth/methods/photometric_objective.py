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
from geometry.projection import PixelMotion, pixel_motion
from geometry.warp import warp
from selfsup_depth.config import LossConfig
from selfsup_depth.losses import edge_aware_smoothness, predictive_mask_loss
from selfsup_depth.photometric_pass import PassResult, PassSettings, PhotometricPass, Scene, prepare_scene
from selfsup_depth.structures import Batch, FrameId, Losses, View

TIE_BREAK = 1e-5  # noise on the identity error, so that exact ties favour neither side
#: depth [B, 1, H, W] -> source_T_target [B, 4, 4] per source, lengths in network units
Transforms = Callable[[Tensor], dict[FrameId, Tensor]]


@dataclass(frozen=True)
class Comparison:
    """Images to compare at one resolution, and what need not be computed twice."""

    target: View
    sources: dict[FrameId, View]
    scene: Scene
    identity_error: Tensor | None  # mean of the least error of the unwarped sources; None: no auto-masking


class PhotometricObjective:
    """Disparities and camera motion -> loss terms. Knows no network."""

    def __init__(
        self,
        settings: LossConfig,
        *,
        min_depth: float,
        max_depth: float,
        pyramid: Callable[[View, int], View] | None = None,
        compiled: bool = False,
    ) -> None:
        self.settings = settings
        self.pyramid = pyramid or at_scale
        self.min_depth, self.max_depth = min_depth, max_depth
        look = PassSettings(
            ssim_weight=0.0 if settings.no_ssim else 0.85,
            average=settings.avg_reprojection,
            ignore_out_of_view=settings.out_of_view == "ignore",
        )
        self.compare = PhotometricPass(look, compiled=compiled)

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
        at: Comparison | None = None
        for scale, disp in disps.items():
            if at is None or self.settings.v1_multiscale:
                at = self._comparison(self._at_scale(batch, scale), generator, tie_break)
            size = at.target.image.shape[-2:]
            mask = _resized(masks[scale], size) if masks else None
            _, depth = disp_to_depth(_resized(disp, size), self.min_depth, self.max_depth)
            found = self._look(at, depth, transforms(depth), mask)
            term = found.loss.sum() / found.counted.sum().clamp(min=1)
            losses.terms[f"reprojection/{scale}"] = term / len(disps)
            losses.counts[f"reprojection/{scale}"] = found.counted.sum()
            if mask is not None:
                losses.terms[f"predictive_mask/{scale}"] = predictive_mask_loss(mask) / len(disps)
            if self.settings.disparity_smoothness:
                smoothness = edge_aware_smoothness(disp, self.pyramid(batch.target, scale).image)
                weight = self.settings.disparity_smoothness / 2**scale / len(disps)
                losses.terms[f"smoothness/{scale}"] = weight * smoothness
            if scale == 0:
                self._describe(losses, disp, depth, at, found)
                if batch.wants_maps:
                    self._draw(losses, at, depth, transforms, found)
        return losses

    def _comparison(self, batch: Batch, generator: torch.Generator | None, tie_break: float) -> Comparison:
        scene = prepare_scene(batch.target.image, [view.image for view in batch.sources.values()])
        if self.settings.disable_automasking:
            return Comparison(batch.target, batch.sources, scene, None)
        errors = self.compare.unwarped(scene)
        least = errors.mean(0, keepdim=True) if self.settings.avg_reprojection else errors
        identity_error = errors.amin(0).mean()
        if tie_break:
            shape = (least.shape[1], least.shape[0], *least.shape[2:])
            noise = torch.randn(shape, generator=generator, device=least.device)
            least = least + tie_break * noise.transpose(0, 1)
        return Comparison(batch.target, batch.sources, scene.with_unwarped(least.amin(0)), identity_error)

    def _at_scale(self, batch: Batch, scale: int) -> Batch:
        if not self.settings.v1_multiscale:
            return batch
        sources = {frame: self.pyramid(source, scale) for frame, source in batch.sources.items()}
        return Batch(self.pyramid(batch.target, scale), sources, batch.stereo_T_target)

    def _look(
        self, at: Comparison, depth: Tensor, transforms: dict[FrameId, Tensor], mask: Tensor | None
    ) -> PassResult:
        cameras = at.target.intrinsics
        motions = [pixel_motion(cameras, view.intrinsics, transforms[frame]) for frame, view in at.sources.items()]
        motion = PixelMotion(*(torch.stack(each) for each in zip(*motions, strict=True)))
        return self.compare(depth, motion, at.scene, None if mask is None else mask.transpose(0, 1))

    def _describe(self, losses: Losses, disp: Tensor, depth: Tensor, at: Comparison, found: PassResult) -> None:
        """What the health checks watch; nothing here waits for the device."""
        disp, pixels = disp.detach(), found.warped_wins.numel()
        losses.health |= {
            "disparity_variation": (disp.std(dim=(1, 2, 3)) / disp.mean(dim=(1, 2, 3))).mean(),
            "range_saturation": ((disp < 1e-4) | (disp > 1 - 1e-4)).float().mean(),
            "median_depth": depth.detach().flatten(1).median(dim=1).values.mean(),
            "warp_error": found.error.sum() / pixels,
        }
        if at.identity_error is not None:
            losses.health["identity_error"] = at.identity_error
            losses.health["auto_masked"] = 1 - found.warped_wins.float().mean()

    @torch.no_grad()
    def _draw(
        self, losses: Losses, at: Comparison, depth: Tensor, transforms: Transforms, found: PassResult
    ) -> None:
        """Maps to look at; those of a training are wanted every few hundred steps."""
        frame, source = next(iter(at.sources.items()))
        motion = transforms(depth)[frame]
        seen = warp(source.image, depth, at.target.intrinsics, source.intrinsics, motion)
        losses.maps |= {"image": at.target.image, "warped": seen.image, "depth": depth.detach()}
        if at.identity_error is not None:
            losses.maps["auto_mask"] = found.warped_wins[:, None].float()


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
