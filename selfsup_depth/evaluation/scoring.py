"""One predicted inverse-depth map against one ground truth."""

from __future__ import annotations

import os
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
from selfsup_depth.evaluation.protocols import Protocol, Size

NO_EXTRAS = ExtraSettings()
SCORERS = min(8, os.cpu_count() or 1)  # threads


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


def depth_at_size(inverse_depth: Tensor, size: Size, protocol: Protocol) -> NDArray[np.float64]:
    """Depth [size], in the unit of 1 / inverse_depth [1, h, w], resized to (height, width) as the protocol says."""
    return _depth(_at_size(inverse_depth, size, protocol), protocol)


def _at_size(inverse_depth: Tensor, size: Size, protocol: Protocol) -> NDArray[np.float32]:
    """[size] of what the protocol resizes: depth or inverse depth."""
    values = 1.0 / inverse_depth if protocol.resized == "depth" else inverse_depth
    return _resize(values, *size, align_corners=protocol.align_corners)[0].numpy()


def _depth(resized: NDArray[np.float32], protocol: Protocol) -> NDArray[np.float64]:
    values = resized.astype(np.float64)
    return values if protocol.resized == "depth" else np.divide(1.0, values, out=values)


def _resize(values: Tensor, height: int, width: int, *, align_corners: bool) -> Tensor:
    return F.interpolate(values[None], size=(height, width), mode="bilinear", align_corners=align_corners)[0]


@dataclass(frozen=True)
class PlacedImage:
    """A prediction on the pixels of its ground truth that count, in metres or units, before any alignment."""

    name: str
    truth: NDArray[np.float64]  #: [N] metres; N is 0 where there is nothing to score against
    depth: NDArray[np.float64]  #: [N] times the mode's scale factor
    whole: WholeMaps | None = None  #: what extra metrics look at; None where none are asked for


@dataclass(frozen=True)
class WholeMaps:
    """A prediction and its ground truth with the pixels that do not count."""

    depth: NDArray[np.float64]  #: [H, W]
    truth: NDArray[np.float64]  #: [H, W]
    valid: NDArray[np.bool_]  #: [H, W]
    camera: Camera | None


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
    placed = place_prediction(inverse_depth, ground_truth, name, protocol, mode, extras=extras, camera=camera)
    return score_placed(placed, protocol, mode, extras)


def place_prediction(
    inverse_depth: Tensor,
    ground_truth: NDArray[np.floating] | None,
    name: str,
    protocol: Protocol,
    mode: ScoringMode,
    *,
    extras: ExtraSettings = NO_EXTRAS,
    camera: Camera | None = None,
) -> PlacedImage:
    """The first half of `score_image`: what needs torch, whose own threads are for one caller at a time."""
    nothing = np.empty(0)
    if ground_truth is None:
        return PlacedImage(name, nothing, nothing)
    if inverse_depth.ndim != 3 or inverse_depth.shape[0] != 1 or ground_truth.ndim != 2:
        raise ValueError(
            f"{name}: expected inverse depth [1, h, w] and ground truth [H, W]; got {tuple(inverse_depth.shape)} "
            f"and {ground_truth.shape}."
        )
    truth = protocol.fit(ground_truth, name)
    mask = protocol.valid_mask(truth)
    if not mask.any():
        return PlacedImage(name, nothing, nothing)
    size = (truth.shape[0], truth.shape[1])
    # A prediction of 0 is infinitely far: clamped to the cap un-aligned, without a ratio aligned (NaN, and reported).
    with np.errstate(divide="ignore", invalid="ignore"):
        resized = _at_size(inverse_depth.detach().to("cpu", torch.float32), size, protocol)
        # of few pixels (LiDAR knows one in twenty) less is to be computed than of all
        depth = _depth(resized[mask], protocol)
        depth *= mode.scale_factor
        whole = None
        if extras.names:
            everywhere = mode.scale_factor * _depth(resized, protocol)
            known = _known_camera(camera, size) if "point_cloud" in extras.names else None
            whole = WholeMaps(everywhere, truth.astype(np.float64), mask, known)
    return PlacedImage(name, truth[mask].astype(np.float64), depth, whole)


def score_placed(
    placed: PlacedImage, protocol: Protocol, mode: ScoringMode, extras: ExtraSettings = NO_EXTRAS
) -> ImageScores:
    """The second half of `score_image`: numpy alone, for any thread."""
    truth, depth = placed.truth, placed.depth
    if truth.size == 0:
        return ImageScores(placed.name, valid_pixels=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = median_ratio(truth, depth, protocol.median)
        aligned = depth * ratio
        np.clip(aligned, protocol.min_depth, protocol.max_depth, out=aligned)
        unaligned = np.clip(depth, protocol.min_depth, protocol.max_depth)
    return ImageScores(
        placed.name,
        valid_pixels=truth.size,
        ratio=ratio,
        aligned=depth_scores(truth, aligned),
        unaligned=depth_scores(truth, unaligned) if mode.metric else None,
        extras=_extras(placed.whole, ratio if mode.align else 1.0, protocol, extras),
    )


def _extras(whole: WholeMaps | None, factor: float, protocol: Protocol, extras: ExtraSettings) -> ExtraScores:
    """Of the headline's depth, which is the prediction times `factor`."""
    if whole is None:
        return ExtraScores()
    with np.errstate(divide="ignore", invalid="ignore"):
        headline = np.clip(whole.depth * factor, protocol.min_depth, protocol.max_depth)
    placed = PlacedPrediction(
        headline, whole.truth, whole.valid, protocol.plane, whole.camera, protocol.max_depth, protocol.metric
    )
    return extra_scores(placed, extras)


def _known_camera(camera: Camera | None, size: Size) -> Camera | None:
    """The camera of maps of this size, without what has to be read for it: no thread reads beside another."""
    if camera is None:
        return None
    intrinsics = camera(*size)
    return lambda height, width: intrinsics
