"""Scores by distance: a mean over an image hides that near and far go wrong in different ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Metres; each bin is twice as deep as the one before it, as 1 / depth is what networks learn.
DISTANCES = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)


@dataclass(frozen=True)
class BinScores:
    """The pixels of one image whose true depth is from `near` up to, but not including, `far` metres."""

    near: float
    far: float
    share: float  #: of the valid pixels, per cent
    abs_rel: float | None  #: mean |g - p| / g; None: there is no such pixel
    rmse: float | None  #: metres
    bias: float | None  #: mean (p - g) / g: above 0 is seen too far, below too near

    @property
    def label(self) -> str:
        return f"{self.near:g}-{self.far:g} m"


def binned_scores(
    prediction: NDArray[np.floating],
    truth: NDArray[np.floating],
    *,
    distances: Sequence[float] = DISTANCES,
    farthest: float = np.inf,
) -> list[BinScores]:
    """Scores of the valid pixels of one image by their true depth.

    Args:
        prediction, truth: [N] depths > 0, metres.
        distances: borders of the bins, increasing.
        farthest: where the last bin ends, if that is before the last border; pixels beyond it are in no bin.

    Raises:
        ValueError: if there is no pixel, or the two differ in shape.
    """
    if truth.size == 0 or truth.shape != prediction.shape:
        raise ValueError(f"binned_scores needs two equal, non-empty arrays; got {prediction.shape}, {truth.shape}.")
    borders = sorted({min(border, farthest) for border in distances})
    # a protocol's cap may belong to its range: a pixel exactly there is in the last bin
    last = borders[-1]
    return [
        _score(prediction, truth, near, far, (truth >= near) & ((truth < far) | ((far == last) & (truth == far))))
        for near, far in zip(borders[:-1], borders[1:], strict=True)
    ]


def _score(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], near: float, far: float, inside: NDArray[np.bool_]
) -> BinScores:
    share = 100.0 * float(inside.mean())
    if not inside.any():
        return BinScores(near, far, share, None, None, None)
    true = truth[inside].astype(np.float64)
    difference = prediction[inside].astype(np.float64) - true
    return BinScores(
        near,
        far,
        share,
        abs_rel=float(np.mean(np.abs(difference) / true)),
        rmse=float(np.sqrt(np.mean(difference**2))),
        bias=float(np.mean(difference / true)),
    )
