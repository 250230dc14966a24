"""One predicted inverse-depth map against one ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from selfsup_depth.evaluation.alignment import median_ratio
from selfsup_depth.evaluation.metrics import DepthScores, depth_scores
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import Protocol


@dataclass(frozen=True)
class ImageScores:
    """What one image contributes; scores are None where there is nothing to score against."""

    name: str
    valid_pixels: int
    ratio: float | None = None  #: median(truth) / median(prediction in metres or units)
    aligned: DepthScores | None = None
    unaligned: DepthScores | None = None  #: also None when the predictions are not metric

    @property
    def scored(self) -> bool:
        return self.valid_pixels > 0


def resize_inverse_depth(inverse_depth: Tensor, height: int, width: int) -> Tensor:
    """Bilinear resize [1, h, w] -> [1, height, width] exactly as cv2.resize does it: half-pixel centres,
    no smoothing when shrinking. Inverse depth is resized, not depth, as in the published evaluation."""
    resized = F.interpolate(inverse_depth[None], size=(height, width), mode="bilinear", align_corners=False)
    return resized[0]


def score_image(
    inverse_depth: Tensor, ground_truth: NDArray[np.floating] | None, name: str, protocol: Protocol, mode: ScoringMode
) -> ImageScores:
    """Scores one image in the published order: resize, mask, scale factor, median ratio, clamp, metrics.

    Args:
        inverse_depth: [1, h, w], 1 / (predicted depth), at any size.
        ground_truth: [H, W] metres, 0 or non-finite = none; None: this image has no ground truth.

    Raises:
        ValueError: if a shape is not as said above.
    """
    if ground_truth is None:
        return ImageScores(name, valid_pixels=0)
    if inverse_depth.ndim != 3 or inverse_depth.shape[0] != 1 or ground_truth.ndim != 2:
        raise ValueError(
            f"{name}: expected inverse depth [1, h, w] and ground truth [H, W]; got {tuple(inverse_depth.shape)} "
            f"and {ground_truth.shape}."
        )
    mask = protocol.valid_mask(ground_truth)
    if not mask.any():
        return ImageScores(name, valid_pixels=0)
    resized = resize_inverse_depth(inverse_depth.detach().to("cpu", torch.float32), *ground_truth.shape)
    truth = ground_truth[mask].astype(np.float64)
    # A prediction of 0 is infinitely far: clamped to the cap un-aligned, without a ratio aligned (NaN, and reported).
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = mode.scale_factor / resized[0].numpy()[mask].astype(np.float64)
        ratio = median_ratio(truth, depth)
        aligned = np.clip(depth * ratio, protocol.min_depth, protocol.max_depth)
    return ImageScores(
        name,
        valid_pixels=truth.size,
        ratio=ratio,
        aligned=depth_scores(truth, aligned),
        unaligned=(
            depth_scores(truth, np.clip(depth, protocol.min_depth, protocol.max_depth)) if mode.metric else None
        ),
    )
