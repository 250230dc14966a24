"""The numbers by which a depth map is judged: the seven of Eigen et al. (NeurIPS 2014, section 4.2), and MAE."""

from __future__ import annotations

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
    ratio = truth / guess
    factor = np.maximum(ratio, guess / truth)
    logarithm = np.log(ratio, out=ratio)
    absolute = np.abs(truth - guess)
    squared = absolute * absolute
    return DepthScores(
        abs_rel=float(np.mean(absolute / truth)),
        sq_rel=float(np.mean(squared / truth)),
        rmse=float(np.sqrt(np.mean(squared))),
        rmse_log=float(np.sqrt(np.mean(np.square(logarithm, out=logarithm)))),
        a1=float(np.mean(factor < 1.25)),
        a2=float(np.mean(factor < 1.25**2)),
        a3=float(np.mean(factor < 1.25**3)),
        mae=float(np.mean(absolute)),
    )


def mean_scores(scores: Sequence[DepthScores]) -> DepthScores:
    """The plain mean over images: each image counts the same, however many pixels it has.

    Raises:
        ValueError: if there are no scores.
    """
    if not scores:
        raise ValueError("mean_scores needs the scores of at least one image; got none.")
    return DepthScores(*np.mean([astuple(score) for score in scores], axis=0).tolist())
