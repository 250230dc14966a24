"""How far a mean over images could have come out otherwise: bootstrap confidence intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 5000
SEED = 0
_AT_ONCE = 2_000_000  # draws held in memory
#: What intervals do not know.
CAVEAT = (
    "images count as independent, which neighbouring frames of one video are not: the true uncertainty is larger"
)


def bootstrap_intervals(
    values: NDArray[np.floating], present: NDArray[np.bool_] | None = None, *, confidence: float = CONFIDENCE
) -> NDArray[np.float64]:
    """[K, 2] lower and upper end of the percentile interval of each column's mean (Efron & Tibshirani 1993, 13.3).

    The same images are drawn for every column, by a fixed seed. A column with NaN has NaN ends.

    Args:
        values: [N, K], a row per image.
        present: [N, K] which images have the number; a mean is over those that do. None: all.

    Raises:
        ValueError: if there is no image, or a column that no image has.
    """
    if len(values) == 0 or (present is not None and not present.any(axis=0).all()):
        raise ValueError("bootstrap_intervals needs at least one image in every column; got none.")
    has = np.ones(values.shape, dtype=bool) if present is None else present
    summed = np.where(has, values, 0.0)
    broken = np.isnan(summed).any(axis=0)
    summed[:, broken] = 0.0
    means = [counts @ summed / _positive(counts @ has) for counts in _draws(len(values))]
    tail = 100 * (1 - confidence) / 2
    ends = np.nanpercentile(np.concatenate(means), (tail, 100 - tail), axis=0).T
    ends[broken] = np.nan
    return ends


def _draws(images: int) -> Iterator[NDArray[np.int64]]:
    """How often each image is drawn: RESAMPLES rows of `images` numbers, in pieces that fit into memory."""
    generator = np.random.default_rng(SEED)
    left = RESAMPLES
    while left:
        drawn = min(left, max(1, _AT_ONCE // images))
        yield generator.multinomial(images, np.full(images, 1.0 / images), size=drawn)
        left -= drawn


def _positive(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """NaN where a draw has no image with the number: it says nothing of its mean."""
    return np.where(counts > 0, counts, np.nan)
