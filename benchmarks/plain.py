"""The published way of a training step, re-expressed: the measure of every ratio in `benchmarks.step`.

Written from the description of Monodepth2 (Godard et al. 2019; A.6 to A.8 and A.14 of its published behaviour):
loops over scales and sources, points and pixels as matrix products, SSIM as a module of pools, the identity error
anew at every scale, one pass of the pose network for each pair. The pixel convention, the nearest z and pixels out of
view are ours, so that both ways must agree to the last digits (tests/benchmarks/test_plain.py).
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geometry.camera import invert_intrinsics
from geometry.projection import NEAREST_Z
from selfsup_depth.config import LossConfig
from selfsup_depth.methods.photometric_objective import Transforms
from selfsup_depth.structures import Batch, FrameId


class PlainSSIM(nn.Module):
    """(1 - SSIM) / 2 of two images [B, 3, H, W]: reflected borders, 3x3 averages by pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.refl = nn.ReflectionPad2d(1)
        self.mean = nn.AvgPool2d(3, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = self.refl(x), self.refl(y)
        mean_x, mean_y = self.mean(x), self.mean(y)
        variance_x = self.mean(x**2) - mean_x**2
        variance_y = self.mean(y**2) - mean_y**2
        covariance = self.mean(x * y) - mean_x * mean_y
        upper = (2 * mean_x * mean_y + 0.01**2) * (2 * covariance + 0.03**2)
        lower = (mean_x**2 + mean_y**2 + 0.01**2) * (variance_x + variance_y + 0.03**2)
        return torch.clamp((1 - upper / lower) / 2, 0, 1)


class PlainObjective:
    """Disparities and motions -> the loss, as published; options of `LossConfig` but predictive masks."""

    def __init__(self, settings: LossConfig, *, min_depth: float, max_depth: float) -> None:
        self.settings = settings
        self.min_depth, self.max_depth = min_depth, max_depth
        self.ssim = PlainSSIM()

    def __call__(self, batch: Batch, disps: dict[int, Tensor], transforms: Transforms, noise: Tensor | None) -> Tensor:
        """The total loss.

        Args:
            transforms: depth [B, 1, H, W] -> source_T_target [B, 4, 4] per source.
            noise: [B, N or 1, H, W] added to the identity error; None: none.
        """
        total = 0.0
        target = batch.target.image
        for scale, disp in disps.items():
            depth = self._depth(disp, target.shape[-2:])
            warped, valid = self._warp_all(batch, depth, transforms(depth))
            reprojection = torch.cat([self._error(image, target) for image in warped], 1)
            loss = self._minimum(batch, reprojection, torch.cat(valid, 1), noise)
            image = F.avg_pool2d(target, 2**scale) if scale else target
            normalised = disp / (disp.mean(2, True).mean(3, True) + 1e-7)
            loss = loss + self.settings.disparity_smoothness * self._smoothness(normalised, image) / 2**scale
            total = total + loss
        return total / len(disps)

    def _depth(self, disp: Tensor, size: torch.Size) -> Tensor:
        disp = F.interpolate(disp, tuple(size), mode="bilinear", align_corners=False)
        low, high = 1 / self.max_depth, 1 / self.min_depth
        return 1 / (low + (high - low) * disp)

    def _warp_all(
        self, batch: Batch, depth: Tensor, source_T_target: dict[FrameId, Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        warped, valid = [], []
        inverse = invert_intrinsics(batch.target.intrinsics)  # as published a part of the batch
        for frame, view in batch.sources.items():
            points = backproject(depth, inverse)
            pixels, inside = project(points, view.intrinsics, source_T_target[frame], depth.shape[-2:])
            warped.append(F.grid_sample(view.image, pixels, padding_mode="border", align_corners=False))
            valid.append(inside)
        return warped, valid

    def _error(self, image: Tensor, target: Tensor) -> Tensor:
        absolute = torch.abs(target - image).mean(1, True)
        if self.settings.no_ssim:
            return absolute
        return 0.85 * self.ssim(image, target).mean(1, True) + 0.15 * absolute

    def _minimum(self, batch: Batch, reprojection: Tensor, valid: Tensor, noise: Tensor | None) -> Tensor:
        average, ignore = self.settings.avg_reprojection, self.settings.out_of_view == "ignore"
        if ignore and not average:
            reprojection = torch.where(valid, reprojection, torch.inf)
        if average:
            weight = valid.to(reprojection) if ignore else torch.ones_like(reprojection)
            reprojection = (reprojection * weight).sum(1, True) / weight.sum(1, True).clamp(min=1)
        combined = reprojection
        if not self.settings.disable_automasking:
            target = batch.target.image
            identity = torch.cat([self._error(view.image, target) for view in batch.sources.values()], 1)
            identity = identity.mean(1, True) if average else identity
            combined = torch.cat([identity if noise is None else identity + noise, reprojection], 1)
        least = combined if combined.shape[1] == 1 else torch.min(combined, dim=1, keepdim=True)[0]
        if not ignore:
            return least.mean()
        counted = valid.any(1, keepdim=True)
        return torch.where(counted, least, 0.0).sum() / counted.sum().clamp(min=1)

    def _smoothness(self, disp: Tensor, image: Tensor) -> Tensor:
        disp_x = torch.abs(disp[..., :, :-1] - disp[..., :, 1:])
        disp_y = torch.abs(disp[..., :-1, :] - disp[..., 1:, :])
        image_x = torch.mean(torch.abs(image[..., :, :-1] - image[..., :, 1:]), 1, keepdim=True)
        image_y = torch.mean(torch.abs(image[..., :-1, :] - image[..., 1:, :]), 1, keepdim=True)
        return (disp_x * torch.exp(-image_x)).mean() + (disp_y * torch.exp(-image_y)).mean()


def backproject(depth: Tensor, inverse_intrinsics: Tensor) -> Tensor:
    """Homogeneous points [B, 4, H * W] of a depth map [B, 1, H, W]."""
    pixels, ones = pixels_and_ones(tuple(depth.shape), depth.dtype, depth.device)
    points = depth.view(len(depth), 1, -1) * torch.matmul(inverse_intrinsics, pixels)
    return torch.cat([points, ones], 1)


@lru_cache(maxsize=2)
def pixels_and_ones(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Homogeneous pixels [B, 3, H * W] and ones [B, 1, H * W]: made once, as published."""
    batch, _, height, width = shape
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([u.flatten() + 0.5, v.flatten() + 0.5, torch.ones(height * width)])
    pixels = pixels.to(device, dtype).repeat(batch, 1, 1)
    return pixels, torch.ones_like(pixels[:, :1])


def project(points: Tensor, intrinsics: Tensor, transform: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
    """Where a camera sees points, as grid_sample wants it [B, H, W, 2], and whether it does [B, 1, H, W]."""
    height, width = size
    camera = torch.matmul(torch.matmul(intrinsics, transform[:, :3, :]), points)
    z = camera[:, 2:]
    pixels = (camera[:, :2] / z.clamp(min=NEAREST_Z)).view(-1, 2, height, width)
    u, v = pixels.detach().unbind(1)
    inside = (u >= 0) & (u <= width) & (v >= 0) & (v <= height) & (z.view(-1, height, width) > NEAREST_Z)
    grid = torch.stack([pixels[:, 0] / width, pixels[:, 1] / height], dim=-1)
    return (grid - 0.5) * 2, inside[:, None]
