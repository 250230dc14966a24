"""A teacher's structure for a student's depth: DistDepth (Wu et al. 2022), section 3.

The teacher knows shapes and boundaries but no metres. The student is compared with the teacher's aligned depth twice:
SSIM of the depths, and the places of the strongest depth edges.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.losses.edges import (
    crop_border,
    gradient_magnitude,
    image_mean,
    image_quantile,
    soft_edges,
    whole_windows,
)
from selfsup_depth.losses.ssim import ssim_loss_map

_LARGE = 0.95  # quantile of the target's depths
_SMALLEST = 8  # pixels: SSIM's window needs a few
_LEAST_EDGE = 1e-6  # of the mean depth, per pixel: less is rounding


def statistical_loss(student_depth: Tensor, target_depth: Tensor, valid: Tensor, *, scales: int = 1) -> Tensor:
    """(1 - SSIM) / 2 of two depth maps, averaged over each image: [B].

    Both are divided by a large valid depth of the target (its 0.95 quantile), so that SSIM's constants mean for depth
    what they mean for images in [0, 1]. Not by the largest: one pixel of sky at the end of the range would make
    everything else small. The logarithm would do too, but weighs near and far otherwise than the published term.
    Averaged over the pixels whose 3x3 window is valid; 0 where there is none.

    Args:
        student_depth: [B, 1, H, W].
        target_depth: [B, 1, H, W], of the same unit; gets no gradient.
        valid: [B, 1, H, W] bool.
        scales: 1: as published. More: the mean over as many scales, each half the one before, as far as the image
            has 8 pixels. SSIM's window of 3x3 sees edges alone: inside a smooth surface it is nearly 1 whatever the
            depth. On smaller maps it sees how surfaces stand to each other.

    Raises:
        UserError: the shapes differ.
    """
    student, target = _valid_maps(student_depth, target_depth, valid)
    large = image_quantile(target, valid, _LARGE)
    large = torch.where(large > 0, large, 1)
    student, target = student / large, target / large
    losses = [image_mean(ssim_loss_map(student, target), whole_windows(valid))]
    while len(losses) < scales and min(student.shape[-2:]) >= 2 * _SMALLEST:
        student, target = F.avg_pool2d(student, 2), F.avg_pool2d(target, 2)
        valid = F.avg_pool2d(valid.to(student.dtype), 2) == 1
        losses.append(image_mean(ssim_loss_map(student, target), whole_windows(valid)))
    return torch.stack(losses).mean(0)


def spatial_loss(
    student_depth: Tensor,
    target_depth: Tensor,
    valid: Tensor,
    *,
    quantile: float = 0.95,
    softness: float = 0.1,
    border: int = 5,
    least_edge: float = 0.0,
) -> Tensor:
    """Hamming distance between the edge maps of two depth maps, per image: [B].

    An edge is a Sobel magnitude above the image's own quantile, a hard step for the target and a soft one for the
    student, so the unit of depth has no influence. The mean is over all pixels, edge or not, that are within the
    border and have a valid 3x3 window: about 0.05 for equal maps, 0.5 for a student without features.

    Args:
        student_depth: [B, 1, H, W].
        target_depth: [B, 1, H, W]; gets no gradient.
        valid: [B, 1, H, W] bool.
        quantile: share of pixels that are no edge.
        softness: width of the student's step relative to its threshold.
        border: pixels left out at each side; at most a quarter of the shorter side is.
        least_edge: the student's step is as wide as that of a threshold of this share of its mean depth per pixel, or
            wider. The gradient grows as the step narrows: 0 lets a nearly flat student be torn about by its rounding.

    Raises:
        UserError: the shapes differ.
    """
    student, target = _valid_maps(student_depth, target_depth, valid)
    counted = crop_border(whole_windows(valid), border)
    magnitudes, thresholds, means = [], [], []
    for depth in (student, target):
        magnitude = crop_border(gradient_magnitude(depth), border)
        mean = image_mean(crop_border(depth.detach(), border), counted)[:, None, None, None]
        means.append(torch.where(mean > 0, mean, 1))
        magnitudes.append(magnitude)
        thresholds.append(image_quantile(magnitude, counted, quantile) + _LEAST_EDGE * means[-1])
    expected = (magnitudes[1] > thresholds[1]).to(student.dtype)
    threshold = _moving_with_the_mean(thresholds[0], magnitudes[0], counted)
    width = softness * torch.maximum(threshold, least_edge * means[0])
    return image_mean((soft_edges(magnitudes[0], threshold, width) - expected).abs(), counted)


def _moving_with_the_mean(threshold: Tensor, magnitude: Tensor, counted: Tensor) -> Tensor:
    """The threshold [B, 1, 1, 1], unchanged in value, with a derivative as if it were a multiple of the mean slope.

    Most pixels lie below the threshold and are pushed down. Against a fixed threshold that flattens the whole map, step
    by step, although a flatter map is no better: the quantile sinks with it. Now the derivative knows that it sinks.
    The quantile's own derivative would put all of this force on the one pixel that makes it.
    """
    mean = image_mean(magnitude, counted)[:, None, None, None]
    return threshold * torch.where(mean > 0, mean / torch.where(mean > 0, mean, 1).detach(), 1)


def _valid_maps(student: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Both maps in float32 or better with 0 where invalid, the target detached."""
    if not student.shape == target.shape == valid.shape:
        raise UserError(
            f"A depth map can be compared only with one of its own shape, but the student's is {list(student.shape)}, "
            f"the target {list(target.shape)} and the mask {list(valid.shape)}: resize the target."
        )
    dtype = torch.promote_types(student.dtype, torch.float32)
    return torch.where(valid, student.to(dtype), 0), torch.where(valid, target.detach().to(dtype), 0)
