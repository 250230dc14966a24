"""Scale and shift from one map to another, per image, by least squares.

DistDepth (Wu et al. 2022) maps its expert's relative depth to the student's metres this way. The normal equations are
solved from centred sums: a general solver treats a column of small numbers as zero and fits a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfsup_depth.errors import UserError

_FEWEST_PIXELS = 16
_LEAST_VARIANCE = 1e-10  # of the mean square: less is the rounding of a constant
_MOST_PIXELS = 16384  # medians of a map that is larger are those of every second, third, ... pixel
_REWEIGHTINGS = 8
_TUKEY = 3.0  # median absolute errors at which a pixel loses all weight; 1.48 of them are a standard deviation


@dataclass(frozen=True)
class Alignment:
    """`target ~ scale * source + shift`, one pair of numbers per image, without gradient."""

    scale: Tensor  # [B], 0 where not usable
    shift: Tensor  # [B], the mean of the target where not usable
    usable: Tensor  # [B] bool: the source tells something about the target

    def apply(self, source: Tensor) -> Tensor:
        """The source [B, 1, H, W] in the target's unit, float32 or better."""
        scale, shift = (number[:, None, None, None] for number in (self.scale, self.shift))
        aligned = torch.addcmul(shift, scale, source.to(scale.dtype))
        return aligned.to(torch.promote_types(source.dtype, torch.float32))


@torch.no_grad()
def align(source: Tensor, target: Tensor, valid: Tensor | None = None) -> Alignment:
    """Least-squares scale and shift of each image.

    Only pixels that are valid and finite in both maps count. An image is usable if there are at least 16 of them,
    neither map is constant, and the scale is positive. The sums are in float64, in float32 on devices without it.

    Args:
        source: [B, 1, H, W], for example a teacher's disparity, in any unit.
        target: [B, 1, H, W], for example the student's inverse depth.
        valid: [B, 1, H, W] bool; None: all pixels.

    Raises:
        UserError: the shapes differ.
    """
    source, target, counted = _flatten(source, target, valid)
    source_mean, target_mean = _mean(source, counted), _mean(target, counted)
    s = torch.where(counted, source - source_mean[:, None], 0)
    t = torch.where(counted, target - target_mean[:, None], 0)
    source_variance, target_variance = _mean(s * s, counted), _mean(t * t, counted)
    scale = _ratio(_mean(s * t, counted), source_variance)
    varied = (source_variance > _LEAST_VARIANCE * source_mean**2) & (target_variance > _LEAST_VARIANCE * target_mean**2)
    usable = (counted.sum(1) >= _FEWEST_PIXELS) & varied & (scale > 0)
    scale = torch.where(usable, scale, 0)
    return Alignment(scale, target_mean - scale * source_mean, usable)


@torch.no_grad()
def align_robust(source: Tensor, target: Tensor, valid: Tensor | None = None) -> Alignment:
    """Like `align`, but by what most pixels agree on: Tukey's biweight, by reweighted least squares.

    A student that learns from photometry is right in most places and far off in some (walls without texture, what the
    other camera does not see). Least squares is bent by those; here they lose their weight. The start is by equal
    median and equal mean deviation from it. An image whose maps are opposed is not usable, as with `align`.
    """
    source, target, counted = _flatten(source, target, valid)
    source, target, counted = (part[:, :: 1 + part.shape[1] // _MOST_PIXELS] for part in (source, target, counted))
    scale, shift, usable = _by_median(source, target, counted)
    for _ in range(_REWEIGHTINGS):
        error = (scale[:, None] * source + shift[:, None] - target).abs()
        reach = _TUKEY * _median(error, counted)[:, None]
        weight = torch.where(counted & (error < reach), (1 - (error / reach) ** 2) ** 2, 0)
        fitted_scale, fitted_shift = _weighted_fit(source, target, weight)
        better = usable & (fitted_scale > 0)
        scale, shift = torch.where(better, fitted_scale, scale), torch.where(better, fitted_shift, shift)
    return Alignment(scale, shift, usable)


@torch.no_grad()
def align_scale(source: Tensor, target: Tensor, valid: Tensor | None = None) -> Alignment:
    """Like `align` with shift 0, for a source whose zero is right. A constant source is usable."""
    source, target, counted = _flatten(source, target, valid)
    scale = _ratio(_mean(source * target, counted), _mean(source * source, counted))
    usable = (counted.sum(1) >= _FEWEST_PIXELS) & (scale > 0)
    shift = torch.where(usable, 0, _mean(target, counted))
    return Alignment(torch.where(usable, scale, 0), shift, usable)


def _flatten(source: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Both maps [B, pixels] with 0 where not counted, and which pixels count."""
    shapes = {tuple(part.shape) for part in (source, target, valid) if part is not None}
    if len(shapes) > 1:
        raise UserError(
            f"A map can be aligned only with one of its own shape, but the source is {list(source.shape)}, the target "
            f"{list(target.shape)} and the mask {None if valid is None else list(valid.shape)}: resize the source."
        )
    precise = torch.float32 if source.device.type == "mps" else torch.float64  # mps has no float64
    counted = source.isfinite() & target.isfinite()
    if valid is not None:
        counted &= valid
    source, target = (torch.where(counted, part.to(precise), 0).flatten(1) for part in (source, target))
    return source, target, counted.flatten(1)


def _by_median(source: Tensor, target: Tensor, counted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scale, shift and whether they mean anything, from medians and mean deviations from them; [B] each."""
    source_middle, target_middle = _median(source, counted), _median(target, counted)
    above = torch.where(counted, (source - source_middle[:, None]) * (target - target_middle[:, None]), 0)
    source_spread = _mean(torch.where(counted, (source - source_middle[:, None]).abs(), 0), counted)
    target_spread = _mean(torch.where(counted, (target - target_middle[:, None]).abs(), 0), counted)
    least = _LEAST_VARIANCE**0.5
    varied = (source_spread > least * source_middle.abs()) & (target_spread > least * target_middle.abs())
    usable = (counted.sum(1) >= _FEWEST_PIXELS) & varied & (above.sum(1) > 0)
    scale = torch.where(usable, _ratio(target_spread, source_spread), 0)
    return scale, target_middle - scale * source_middle, usable


def _weighted_fit(source: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift [B] of weighted least squares, from centred sums; scale 0 where nothing can be said."""
    total = weight.sum(1).clamp(min=1e-12)
    source_mean, target_mean = (weight * source).sum(1) / total, (weight * target).sum(1) / total
    s, t = source - source_mean[:, None], target - target_mean[:, None]
    scale = _ratio((weight * s * t).sum(1), (weight * s * s).sum(1))
    return scale, target_mean - scale * source_mean


def _median(values: Tensor, counted: Tensor) -> Tensor:
    """Of the counted pixels [B, pixels]: [B]; 0 where there is none."""
    middle = torch.where(counted, values, torch.nan).nanmedian(dim=1).values
    return torch.where(middle.isfinite(), middle, 0)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return values.sum(1) / counted.sum(1).clamp(min=1)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """0 where the denominator is."""
    return numerator / torch.where(denominator > 0, denominator, 1)
