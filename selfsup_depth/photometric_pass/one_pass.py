"""Warp, compare and take the minimum in one pass, with the gradient written out.

The reprojection loss (Godard et al. 2019, eq. 1, 2, 4 and 5) is a sum over pixels, so its gradient can be computed
where its value is. Only the gradients of the depth and of twelve numbers for each motion are kept for the backward
pass: automatic differentiation's intermediate images, most of the bytes of a step, are never stored, and memory does
not grow with the number of scales. Runs as it stands, and several times faster through torch.compile, for which it is
written: a reflected ring of pixels is warped like all others, 3x3 sums are shifted slices, and the three channels are
written out, so that what they share stays in registers.

With D and e as in `geometry.projection.PixelMotion`, A = D (u, v, 1) and z = (1 + A_z) depth + e_z, the pixel (u, v) is
looked up at u + ((A_u - u A_z) depth + e_u - u e_z) / z, and the same for v. SSIM is written as in `losses.ssim`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from geometry.projection import PixelMotion
from selfsup_depth.losses.ssim import TargetStatistics, compare_windows, pull_back
from selfsup_depth.losses.windows import inner, reflected, ringed
from selfsup_depth.photometric_pass.lookup import cells, look_up
from selfsup_depth.photometric_pass.places import places_in_sources

Slopes = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class PassSettings:
    """What is compared, and how; the same for a whole training."""

    ssim_weight: float = 0.85  # the rest is L1; 0: L1 alone
    average: bool = False  # over the sources, instead of the minimum
    ignore_out_of_view: bool = True  # else compared with the source's border


class PassResult(NamedTuple):
    """What one pass finds, per image; differentiable in the first."""

    loss: Tensor  # [B] sum of the loss over the counted pixels
    counted: Tensor  # [B] how many pixels some source sees
    warped_wins: Tensor  # [B, H, W] bool: counted, and a warped source beats every unwarped one
    error: Tensor  # [B] sum over all pixels of the least error of a warped source


class PassGradients(NamedTuple):
    """Gradients of each image's loss."""

    depth: Tensor  # [B, H, W]
    D: Tensor  # [N, B, 3, 3]
    e: Tensor  # [N, B, 3]
    mask: Tensor | None  # [N, B, H, W]


class Scene(NamedTuple):
    """What all scales of a step look at."""

    sources: Tensor  # [3, N, B, H, W] in [0, 1]; see `planes`
    target: TargetStatistics
    unwarped: Tensor | None = None  # [B, H, W] least (or mean) error of the sources as they are; None: no auto-mask


def planes(images: Sequence[Tensor]) -> Tensor:
    """N images [B, 3, H, W] as [3, N, B, H, W], the order in which a pass looks things up."""
    return torch.stack(list(images), dim=1).permute(2, 1, 0, 3, 4).contiguous()


def unwarped_errors(scene: Scene, settings: PassSettings) -> Tensor:
    """[N, B, H, W] photometric error of the sources as they are (the identity error of auto-masking)."""
    total = torch.zeros_like(scene.sources[0])
    for channel, plane in enumerate(reflected(scene.sources.flatten(0, 1)).unflatten(0, scene.sources.shape[:2])):
        seen = scene.target.channel(channel)
        total = total + _compare(seen.difference(plane), seen, settings)[0] / len(scene.sources)
    return total


def photometric_pass(
    depth: Tensor, motion: PixelMotion, mask: Tensor | None, scene: Scene, settings: PassSettings, with_gradient: bool
) -> tuple[PassResult, PassGradients | None]:
    """One depth map seen through all sources: the result, and the gradients where they are asked for.

    Args:
        depth: [B, H, W] in the unit of the translations.
        motion: of the sources, [N, B, ...].
        mask: [N, B, H, W] multiplies the errors; None: ones.
    """
    channels, _, _, height, width = scene.sources.shape
    places = places_in_sources(depth, motion)
    at = cells(places.u, places.v, height, width)
    error = torch.zeros((), dtype=depth.dtype, device=depth.device)
    compared: list[tuple[Tensor, Tensor, Tensor, Slopes | None]] = []
    for channel, plane in enumerate(scene.sources):
        value, in_u, in_v = look_up(plane.flatten(2), at)
        seen = scene.target.channel(channel)
        e = seen.difference(value)
        found, slopes = _compare(e, seen, settings)
        error = error + found / channels
        compared.append((e, in_u, in_v, slopes))

    errors = error if mask is None else error * mask
    in_view = inner(places.in_view(height, width))
    if not settings.ignore_out_of_view:
        in_view = torch.ones_like(in_view)
    warped, counted, share = over_sources(errors, in_view, settings.average)
    wins = counted if scene.unwarped is None else counted & (warped < scene.unwarped)
    least = warped if scene.unwarped is None else torch.where(wins, warped, scene.unwarped)
    loss = torch.where(counted, least, 0.0).sum((1, 2))
    result = PassResult(loss, counted.sum((1, 2)), wins, errors.amin(0).sum((1, 2)))
    if not with_gradient:
        return result, None

    share = share * wins
    weight = (share if mask is None else share * mask) / channels
    to_u = to_v = torch.zeros((), dtype=depth.dtype, device=depth.device)
    for channel, (e, in_u, in_v, slopes) in enumerate(compared):
        to_value = _pull_back(weight, e, scene.target.ring[:, channel], slopes, settings)
        to_u, to_v = to_u + to_value * in_u, to_v + to_value * in_v
    to_mask = None if mask is None else share * error
    return result, PassGradients(*places.pull_back(to_u, to_v), to_mask)


def _compare(e: Tensor, seen: TargetStatistics, settings: PassSettings) -> tuple[Tensor, Slopes | None]:
    """Photometric error [..., H, W] of one channel's ring image e = warped - target (eq. 2)."""
    absolute = inner(e).abs()
    if not settings.ssim_weight:
        return absolute, None
    ssim, slopes = compare_windows(e, seen)
    return settings.ssim_weight * ssim + (1.0 - settings.ssim_weight) * absolute, slopes


def _pull_back(weight: Tensor, e: Tensor, ring: Tensor, slopes: Slopes | None, settings: PassSettings) -> Tensor:
    """Gradient [..., H + 2, W + 2] of sum(weight * photometric error) in the ring image e."""
    by_l1 = ringed((1.0 - settings.ssim_weight) * weight) * e.sign()
    return by_l1 if slopes is None else by_l1 + pull_back(settings.ssim_weight * weight, ring, e, slopes)


def over_sources(errors: Tensor, in_view: Tensor, average: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Minimum (or average) of errors [N, B, H, W] over the sources in view, [B, H, W]; where there is one; and the
    share [N, B, H, W] that each source has in it. Sources that tie exactly share alike."""
    if average:
        sources = in_view.sum(0)
        share = in_view.to(errors.dtype) / sources.clamp(min=1)
        return (errors * share).sum(0), sources > 0, share
    seen = torch.where(in_view, errors, torch.inf)
    least = seen.amin(0)
    least_of = (seen == least).to(errors.dtype)
    return least, least < torch.inf, least_of / least_of.sum(0)
