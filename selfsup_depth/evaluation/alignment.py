"""Bringing a prediction without a unit to the scale of the ground truth, one image at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def median_ratio(ground_truth: NDArray[np.floating], prediction: NDArray[np.floating]) -> float:
    """median(truth) / median(prediction) over the valid pixels [N] (Zhou et al., CVPR 2017).

    numpy's median: the mean of the two middle values when N is even, as in every published table
    (torch.median would take the lower one).
    """
    return float(np.median(ground_truth) / np.median(prediction))


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
