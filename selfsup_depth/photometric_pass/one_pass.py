"""Warp, compare and take the minimum in one pass, with the gradient written out.

The reprojection loss (Godard et al. 2019, eq. 1, 2, 4 and 5) is a sum over pixels, so its gradient can be computed
where its value is. Only the gradients of the depth and of twelve numbers for each motion are kept for the backward
pass: automatic differentiation's intermediate images, most of the bytes of a step, are never stored, and memory does
not grow with the number of scales. Runs as it stands, and several times faster through torch.compile, for which it is
written: pixels of a margin are warped like all others, 3x3 sums are shifted slices, and the three channels are written
out, so that what they share stays in registers.

With D and e as in `geometry.projection.PixelMotion`, A = D (u, v, 1) and z = (1 + A_z) depth + e_z, the pixel (u, v) is
looked up at u + ((A_u - u A_z) depth + e_u - u e_z) / z, and the same for v. SSIM is written as in `losses.ssim`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from geometry.projection import PixelMotion
from selfsup_depth.losses.ssim import TargetStatistics, compare_windows, pull_back
from selfsup_depth.losses.windows import cut, reflected, reflected_transposed
from selfsup_depth.photometric_pass.lookup import cells, look_up
from selfsup_depth.photometric_pass.places import places_in_sources
from selfsup_depth.photometric_pass.scene import MARGIN, Scene

Slopes = tuple[Tensor, Tensor, Tensor]
_BEYOND = MARGIN - 1  # margin of windows


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


def unwarped_errors(scene: Scene, settings: PassSettings) -> Tensor:
    """[N, B, H, W] photometric error of the sources as they are (the identity error of auto-masking)."""
    total = torch.zeros_like(scene.sources[0])
    for channel, plane in enumerate(reflected(scene.sources.flatten(0, 1)).unflatten(0, scene.sources.shape[:2])):
        whole = scene.target.channel(channel)
        seen = TargetStatistics(cut(whole.ring, _BEYOND), cut(whole.mean, _BEYOND), cut(whole.variance, _BEYOND))
        total = total + _compare(seen.difference(plane), seen, settings)[0] / len(scene.sources)
    return total


def photometric_pass(
    depth: Tensor, motion: PixelMotion, mask: Tensor | None, scene: Scene, settings: PassSettings, with_gradient: bool
) -> tuple[PassResult, PassGradients | None]:
    """One depth map seen through all sources: the result, and the gradients where they are asked for.

    Args:
        depth: [B, h, w] in the unit of the translations, with a margin.
        motion: of the sources, [N, B, ...].
        mask: [N, B, h - 2, w - 2] multiplies the errors, with a margin; None: ones.
    """
    channels, _, _, height, width = scene.sources.shape
    places = places_in_sources(depth, motion, scene.pixel_u, scene.pixel_v)
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
    in_view = cut(places.in_view(height, width), 1)
    if not settings.ignore_out_of_view:
        in_view = torch.ones_like(in_view)
    in_view = in_view & (scene.inside > 0)
    warped, counted, share = over_sources(errors, in_view, settings.average)
    wins = counted if scene.unwarped is None else counted & (warped < scene.unwarped)
    least = warped if scene.unwarped is None else torch.where(wins, warped, scene.unwarped)
    loss = torch.where(counted, least, 0.0).sum((1, 2))
    all_errors = (errors.amin(0) * scene.inside).sum((1, 2))
    result = PassResult(loss, counted.sum((1, 2)), cut(wins, _BEYOND), all_errors)
    if not with_gradient:
        return result, None

    share = share * wins
    weight = (share if mask is None else share * mask) / channels
    to_u = to_v = torch.zeros((), dtype=depth.dtype, device=depth.device)
    for channel, (e, in_u, in_v, slopes) in enumerate(compared):
        to_value = _pull_back(weight, e, scene.target.ring[:, channel], slopes, settings)
        to_u, to_v = to_u + to_value * cut(in_u, 2), to_v + to_value * cut(in_v, 2)
    to_depth, to_D, to_e = places.cut(2).pull_back(to_u, to_v)
    to_mask = None if mask is None else cut(share * error, _BEYOND)
    return result, PassGradients(reflected_transposed(to_depth), to_D, to_e, to_mask)


def _compare(e: Tensor, seen: TargetStatistics, settings: PassSettings) -> tuple[Tensor, Slopes | None]:
    """Photometric error [..., h - 2, w - 2] of one channel's e = warped - target [..., h, w] (eq. 2)."""
    absolute = cut(e, 1).abs()
    if not settings.ssim_weight:
        return absolute, None
    ssim, slopes = compare_windows(e, seen)
    return settings.ssim_weight * ssim + (1.0 - settings.ssim_weight) * absolute, slopes


def _pull_back(weight: Tensor, e: Tensor, ring: Tensor, slopes: Slopes | None, settings: PassSettings) -> Tensor:
    """Gradient [..., h - 4, w - 4] of sum(weight [..., h - 2, w - 2] * photometric error) in e [..., h, w]."""
    e = cut(e, 2)
    by_l1 = (1.0 - settings.ssim_weight) * cut(weight, 1) * e.sign()
    return by_l1 if slopes is None else by_l1 + pull_back(settings.ssim_weight * weight, cut(ring, 2), e, slopes)


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
