"""Paired differences: could their mean be chance, and which means could not be told from it (Fisher 1935, chapter 3).

If two runs are equally good, chance decides on each image which of them gets which score, and every sign of a
difference could as well have been the other. The test counts the patterns of signs whose mean is at least as far from 0
as the one that was seen. It is exact for any number of images, and knows how little a few of them can say.

The interval is that test turned round: the shifts that it does not reject. A pattern that flips the images S is as far
out as what was seen exactly where the shift lies between the mean of S and the mean of the rest (Hartigan 1969), so
one list of such pairs gives both, and they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.evaluation.intervals import CONFIDENCE

LEVEL = round(1 - CONFIDENCE, 9)
#: So many patterns of signs (a pattern and its mirror image are one) are looked at: of 16 images all of them.
PATTERNS = 2**15
SEED = 0
_AT_ONCE = 4_000_000  # signs held in memory
_ROUNDING = 1e-12  # of the largest difference: what is nearer to 0 is 0


def smallest_p(images: int) -> float:
    """What p cannot fall below, whatever the scores."""
    return 1 / pattern_count(images)


def pattern_count(images: int) -> int:
    return PATTERNS if all_patterns_are_too_many(images) else 2 ** (images - 1)


def all_patterns_are_too_many(images: int) -> bool:
    """Then PATTERNS of them are drawn by a fixed seed, the one that was seen among them (Phipson & Smyth 2010)."""
    return images > math.log2(PATTERNS) + 1


def fewest_images() -> int:
    """From which number of images on p can fall below LEVEL."""
    return next(images for images in range(1, 64) if smallest_p(images) < LEVEL)


def sign_flip_test(differences: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each column of [N, K]: the two-sided p [K], and the interval [K, 2] of its mean, infinite for few images.

    p is below LEVEL exactly where the interval has not 0 in it. A column that is not finite has no p and no ends (NaN).
    """
    images, columns = differences.shape
    broken = ~np.isfinite(differences).all(axis=0)
    differences = np.where(broken, 0.0, differences)
    mean = differences.mean(axis=0)
    tiny = _ROUNDING * np.abs(differences).max(axis=0)
    ends = np.empty((2, pattern_count(images), columns))
    done = 0
    for flipped in _patterns(images):
        chosen = flipped.sum(axis=1, keepdims=True).astype(np.float64)
        summed = flipped.astype(np.float64) @ differences
        with np.errstate(divide="ignore", invalid="ignore"):
            pair = np.stack([summed / chosen, (differences.sum(axis=0) - summed) / (images - chosen)])
        pair[np.abs(pair) <= tiny] = 0.0
        low, high = np.minimum(pair.min(axis=0), mean), np.maximum(pair.max(axis=0), mean)
        nothing_flipped = ((chosen == 0) | (chosen == images))[:, 0]
        low[nothing_flipped], high[nothing_flipped] = -np.inf, np.inf
        ends[:, done : done + len(flipped)] = low, high
        done += len(flipped)
    lows, highs = ends
    p_values = ((lows <= 0) & (highs >= 0)).mean(axis=0)
    rank = math.ceil(LEVEL * len(lows)) - 1
    interval = np.stack([np.sort(lows, axis=0)[rank], np.sort(highs, axis=0)[::-1][rank]], axis=1)
    return np.where(broken, np.nan, p_values), np.where(broken[:, None], np.nan, interval)


def _patterns(images: int) -> Iterator[NDArray[np.bool_]]:
    """[n, images] which signs are flipped, in pieces that fit into memory; first: none."""
    total, at_once = pattern_count(images), max(1, _AT_ONCE // images)
    generator = np.random.default_rng(SEED)
    for start in range(0, total, at_once):
        count = min(at_once, total - start)
        if all_patterns_are_too_many(images):
            piece = generator.random((count, images), dtype=np.float32) < 0.5
            piece[: 1 if start == 0 else 0] = False
        else:
            piece = (np.arange(start, start + count)[:, None] >> np.arange(images) & 1).astype(bool)
        yield piece
