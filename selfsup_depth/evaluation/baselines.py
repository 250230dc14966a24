"""How well one can do without looking at the image: the floor under every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.evaluation.alignment import median
from selfsup_depth.evaluation.metrics import DepthScores, depth_scores, mean_scores
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.scoring import SCORERS
from selfsup_depth.overlap import in_threads


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
    best = float(np.clip(_best_constant(valid_depths), protocol.min_depth, protocol.max_depth))

    def of_both(image: NDArray[np.floating]) -> tuple[DepthScores, DepthScores]:
        own = float(np.clip(median(image, protocol.median), protocol.min_depth, protocol.max_depth))
        truth = image.astype(np.float64)
        by_best, by_own = (depth_scores(truth, np.broadcast_to(depth, truth.shape)) for depth in (best, own))
        return by_best, by_own

    scored = list(in_threads(of_both, valid_depths, threads=SCORERS, ahead=2 * SCORERS))
    unaligned, aligned = (mean_scores(column) for column in zip(*scored, strict=True))
    return ConstantBaseline(best, unaligned, aligned)


def _best_constant(valid_depths: Sequence[NDArray[np.floating]]) -> float:
    """The weighted median, without sorting every pixel: only those of the bin that it is in."""
    lowest = min(_bins(image.min()) for image in valid_depths)
    count = max(_bins(image.max()) for image in valid_depths) - lowest + 1
    weights = np.zeros(count)
    for image in valid_depths:
        weights += np.bincount(_bins(image) - lowest, _weights(image), count)
    cumulative = np.cumsum(weights)
    half = 0.5 * cumulative[-1]
    middle = int(np.searchsorted(cumulative, half))
    inside = [_bins(image) - lowest == middle for image in valid_depths]
    values = np.concatenate([image[chosen] for image, chosen in zip(valid_depths, inside, strict=True)])
    shares = np.concatenate([_weights(image)[chosen] for image, chosen in zip(valid_depths, inside, strict=True)])
    order = np.argsort(values)
    reached = np.searchsorted(np.cumsum(shares[order]), half - (cumulative[middle] - weights[middle]))
    return float(values[order][min(reached, values.size - 1)])


def _bins(depths: NDArray[np.floating]) -> NDArray[np.int64]:
    """Depths > 0 as whole numbers in the same order, 32768 to each power of two: sign, exponent, 15 bits."""
    return np.asarray(depths, dtype=np.float64).view(np.int64) >> 37


def _weights(image: NDArray[np.floating]) -> NDArray[np.float64]:
    return 1.0 / (image.size * image.astype(np.float64))
