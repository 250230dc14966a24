"""How well one can do without looking at the image: the floor under every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.evaluation.alignment import median
from selfsup_depth.evaluation.metrics import DepthScores, depth_scores, mean_scores
from selfsup_depth.evaluation.protocols import Protocol


@dataclass(frozen=True)
class ConstantBaseline:
    """The same depth everywhere."""

    depth: float  #: metres
    unaligned: DepthScores  #: that depth on every image
    aligned: DepthScores  #: any constant after median alignment: each image's own median


def best_constant_depth(ground_truths: Iterable[NDArray[np.floating] | None], protocol: Protocol) -> DepthScores:
    """Scores of the single constant depth with the smallest mean abs_rel over a set of ground truths [h, w].

    Raises:
        ValueError: if no image has a valid pixel.
    """
    fitted = [protocol.fit(truth, f"image {i}") for i, truth in enumerate(ground_truths) if truth is not None]
    valid = [truth[protocol.valid_mask(truth)] for truth in fitted]
    return constant_baseline([depths for depths in valid if depths.size], protocol).unaligned


def constant_baseline(valid_depths: Sequence[NDArray[np.floating]], protocol: Protocol) -> ConstantBaseline:
    """The best constant for the valid depths [N_i] (metres) of each image, with its scores.

    The mean over images of mean |g - c| / g is a sum of |g - c| with weight 1 / (N_i g), so the exact
    minimum is the weighted median; it is convex in c, so clamping to the protocol's range keeps it best.

    Raises:
        ValueError: if there is no image, or one without depths.
    """
    if not valid_depths or any(depths.size == 0 for depths in valid_depths):
        raise ValueError("constant_baseline needs at least one image and valid depths in each.")
    depths = np.concatenate(valid_depths).astype(np.float64)
    weights = np.concatenate([1.0 / (image.size * image.astype(np.float64)) for image in valid_depths])
    best = float(np.clip(_weighted_median(depths, weights), protocol.min_depth, protocol.max_depth))

    medians = [median(image, protocol.median) for image in valid_depths]
    medians = [float(np.clip(value, protocol.min_depth, protocol.max_depth)) for value in medians]
    return ConstantBaseline(
        best,
        unaligned=_scores_of_constants(valid_depths, [best] * len(medians)),
        aligned=_scores_of_constants(valid_depths, medians),
    )


def _scores_of_constants(
    valid_depths: Sequence[NDArray[np.floating]], constants: Sequence[float]
) -> DepthScores:
    pairs = zip(valid_depths, constants, strict=True)
    return mean_scores([depth_scores(image, np.full(image.shape, constant)) for image, constant in pairs])


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulative, 0.5 * cumulative[-1])])
