"""The numbers by which a depth map is judged: the seven of Eigen et al. (NeurIPS 2014, section 4.2), and MAE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class DepthScores:
    """Errors (smaller is better) and threshold accuracies (larger is better) of one image or a mean of images."""

    abs_rel: float  #: mean |g - p| / g
    sq_rel: float  #: mean (g - p)^2 / g, in metres: divided by g, not g^2, as every published table does
    rmse: float  #: metres
    rmse_log: float  #: natural logarithm
    a1: float  #: share of pixels with max(g / p, p / g) < 1.25
    a2: float  #: the same for 1.25^2
    a3: float  #: the same for 1.25^3
    mae: float  #: mean |g - p|, metres

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(astuple(self)).all())


SCORE_NAMES: tuple[str, ...] = tuple(field.name for field in fields(DepthScores))

_AT_ONCE = 2**14  # pixels whose intermediate results stay in a cache: four times as fast as whole dense maps

#: The columns of printed tables, in the order of the papers.
MONODEPTH2_COLUMNS = ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
DISTDEPTH_COLUMNS = ("mae", *MONODEPTH2_COLUMNS)


def depth_scores(ground_truth: FloatArray, prediction: FloatArray) -> DepthScores:
    """Scores of the valid pixels of one image.

    Args:
        ground_truth: [N] depths > 0, metres.
        prediction: [N] depths > 0 of the same pixels, metres.

    Raises:
        ValueError: if the two differ in shape or are empty (a mean over nothing has no value).
    """
    truth = np.asarray(ground_truth, dtype=np.float64)
    guess = np.asarray(prediction, dtype=np.float64)
    if truth.shape != guess.shape or truth.size == 0:
        raise ValueError(f"depth_scores needs two equal, non-empty arrays; got {truth.shape} and {guess.shape}.")
    sums = np.zeros(len(SCORE_NAMES))
    for start in range(0, truth.size, _AT_ONCE):
        sums += _sums(truth[start : start + _AT_ONCE], guess[start : start + _AT_ONCE])
    abs_rel, sq_rel, squared, squared_log, a1, a2, a3, mae = (sums / truth.size).tolist()
    return DepthScores(abs_rel, sq_rel, math.sqrt(squared), math.sqrt(squared_log), a1, a2, a3, mae)


def _sums(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> list[float]:
    """Of what the scores are means of, in their order."""
    ratio = truth / guess
    factor = np.maximum(ratio, guess / truth)
    absolute = np.abs(truth - guess)
    squared = absolute * absolute
    return [
        np.sum(absolute / truth),
        np.sum(squared / truth),
        np.sum(squared),
        np.sum(np.log(ratio) ** 2),
        *(np.count_nonzero(factor < 1.25**power) for power in (1, 2, 3)),
        np.sum(absolute),
    ]


def mean_scores(scores: Sequence[DepthScores]) -> DepthScores:
    """The plain mean over images: each image counts the same, however many pixels it has.

    Raises:
        ValueError: if there are no scores.
    """
    if not scores:
        raise ValueError("mean_scores needs the scores of at least one image; got none.")
    return DepthScores(*np.mean([astuple(score) for score in scores], axis=0).tolist())
