"""One predicted inverse-depth map against one ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from selfsup_depth.evaluation.alignment import median_ratio
from selfsup_depth.evaluation.cameras import Camera
from selfsup_depth.evaluation.extras import ExtraScores, ExtraSettings, PlacedPrediction, extra_scores
from selfsup_depth.evaluation.metrics import DepthScores, depth_scores
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import Protocol

NO_EXTRAS = ExtraSettings()


@dataclass(frozen=True)
class ImageScores:
    """What one image contributes; scores are None where there is nothing to score against."""

    name: str
    valid_pixels: int
    ratio: float | None = None  #: median(truth) / median(prediction in metres or units)
    aligned: DepthScores | None = None
    unaligned: DepthScores | None = None  #: also None when the predictions are not metric
    extras: ExtraScores = ExtraScores()

    @property
    def scored(self) -> bool:
        return self.valid_pixels > 0


def resize_inverse_depth(inverse_depth: Tensor, height: int, width: int) -> Tensor:
    """Bilinear resize [1, h, w] -> [1, height, width] exactly as cv2.resize does it: half-pixel centres,
    no smoothing when shrinking. Inverse depth is resized, not depth, as in the published evaluation."""
    return _resize(inverse_depth, height, width, align_corners=False)


def depth_at_size(inverse_depth: Tensor, size: tuple[int, int], protocol: Protocol) -> NDArray[np.float64]:
    """Depth [size], in the unit of 1 / inverse_depth [1, h, w], resized to (height, width) as the protocol says."""
    height, width = size
    if protocol.resized == "depth":
        depth = _resize(1.0 / inverse_depth, height, width, align_corners=protocol.align_corners)
        return depth[0].numpy().astype(np.float64)
    resized = _resize(inverse_depth, height, width, align_corners=protocol.align_corners)
    return 1.0 / resized[0].numpy().astype(np.float64)


def _resize(values: Tensor, height: int, width: int, *, align_corners: bool) -> Tensor:
    return F.interpolate(values[None], size=(height, width), mode="bilinear", align_corners=align_corners)[0]


def score_image(
    inverse_depth: Tensor,
    ground_truth: NDArray[np.floating] | None,
    name: str,
    protocol: Protocol,
    mode: ScoringMode,
    *,
    extras: ExtraSettings = NO_EXTRAS,
    camera: Camera | None = None,
) -> ImageScores:
    """Scores one image in the published order: resize, mask, scale factor, median ratio, clamp, metrics.

    Args:
        inverse_depth: [1, h, w], 1 / (predicted depth), at any size.
        ground_truth: [H, W] metres, 0 or non-finite = none; None: this image has no ground truth.
        extras: computed on the depth of the headline.
        camera: intrinsics of the scored map, which point clouds need.

    Raises:
        UserError: if the protocol is not defined for ground truth of this size.
        ValueError: if a shape is not as said above, or point clouds are asked for without a camera.
    """
    if ground_truth is None:
        return ImageScores(name, valid_pixels=0)
    if inverse_depth.ndim != 3 or inverse_depth.shape[0] != 1 or ground_truth.ndim != 2:
        raise ValueError(
            f"{name}: expected inverse depth [1, h, w] and ground truth [H, W]; got {tuple(inverse_depth.shape)} "
            f"and {ground_truth.shape}."
        )
    fitted = protocol.fit(ground_truth, name)
    mask = protocol.valid_mask(fitted)
    if not mask.any():
        return ImageScores(name, valid_pixels=0)
    truth = fitted.astype(np.float64)
    # A prediction of 0 is infinitely far: clamped to the cap un-aligned, without a ratio aligned (NaN, and reported).
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = inverse_depth.detach().to("cpu", torch.float32)
        depth = mode.scale_factor * depth_at_size(predicted, (truth.shape[0], truth.shape[1]), protocol)
        ratio = median_ratio(truth[mask], depth[mask], protocol.median)
        aligned = np.clip(depth * ratio, protocol.min_depth, protocol.max_depth)
    unaligned = np.clip(depth, protocol.min_depth, protocol.max_depth)
    headline = aligned if mode.align else unaligned
    placed = PlacedPrediction(headline, truth, mask, protocol.plane, camera, protocol.max_depth, protocol.metric)
    return ImageScores(
        name,
        valid_pixels=int(mask.sum()),
        ratio=ratio,
        aligned=depth_scores(truth[mask], aligned[mask]),
        unaligned=depth_scores(truth[mask], unaligned[mask]) if mode.metric else None,
        extras=extra_scores(placed, extras),
    )
