"""Bringing a prediction without a unit to the scale of the ground truth, one image at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: What the median of an even number of values is. mean: of the two middle ones (numpy.median; Monodepth2 and
#: every KITTI table); lower: the smaller of the two (torch.median; DistDepth).
MedianRule = Literal["mean", "lower"]


def median(values: NDArray[np.floating], rule: MedianRule = "mean") -> float:
    """The median of values [N]; NaN when one of them is NaN.

    Raises:
        ValueError: if there are none.
    """
    if values.size == 0:
        raise ValueError("median needs at least one value; got none.")
    if np.isnan(values).any():
        return float("nan")
    middle = values.size // 2
    lower = (values.size - 1) // 2
    # numpy.median asks for two places at once, which takes seven times as long as one
    ordered = np.partition(values, middle, axis=None)
    below = ordered[middle] if lower == middle else ordered[:middle].max()
    return float(below if rule == "lower" else 0.5 * (below + ordered[middle]))


def median_ratio(
    ground_truth: NDArray[np.floating], prediction: NDArray[np.floating], rule: MedianRule = "mean"
) -> float:
    """median(truth) / median(prediction) over the valid pixels [N] (Zhou et al., CVPR 2017)."""
    return float(np.divide(median(ground_truth, rule), median(prediction, rule)))


@dataclass(frozen=True)
class RatioStatistics:
    """How much the scale of the predictions wanders from image to image."""

    median: float
    relative_std: float  #: std(ratio / median): 0 when one factor would serve every image


def ratio_statistics(ratios: Sequence[float]) -> RatioStatistics:
    """Median and relative spread of the per-image ratios.

    Raises:
        ValueError: if there are none.
    """
    if not ratios:
        raise ValueError("ratio_statistics needs at least one ratio; got none.")
    values = np.asarray(ratios, dtype=np.float64)
    median = float(np.median(values))
    return RatioStatistics(median, float(np.std(values / median)))
