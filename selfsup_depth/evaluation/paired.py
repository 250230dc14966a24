"""Two sets of per-image scores of the same images: which is better, by how much, and could it be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.sign_flips import LEVEL, sign_flip_test, smallest_p

LARGER_IS_BETTER = frozenset({"a1", "a2", "a3"})
NAMES_SHOWN = 3
REMEDY = "compare runs that were trained with the same --dataset, --data_path and --split"


@dataclass(frozen=True)
class PairedDifference:
    """One metric of two runs on the same images; differences are second minus first."""

    metric: str
    images: int
    means: tuple[float, float]
    difference: float
    low: float  #: ends of the 95 % interval of the mean difference, from the same test; infinite for few images
    high: float
    p_value: float  #: two-sided sign-flip test of the mean difference (`sign_flips`); NaN: a score is not finite
    better: tuple[int, int]  #: images on which the first, and the second, has the better score

    @property
    def clear(self) -> bool:
        """Not chance, at LEVEL: then and only then 0 is outside the interval."""
        return self.p_value < LEVEL

    @property
    def too_few(self) -> bool:
        """No scores of so few images could be `clear`."""
        return smallest_p(self.images) >= LEVEL

    @property
    def second_wins(self) -> bool:
        return (self.difference > 0) == (self.metric in LARGER_IS_BETTER)


def paired_differences(
    metrics: Sequence[str], first: NDArray[np.floating], second: NDArray[np.floating]
) -> list[PairedDifference]:
    """Compares the scores [N, K] of two runs in each metric, image by image.

    Raises:
        ValueError: if the two differ in shape, are empty, or have no column per metric.
    """
    if first.shape != second.shape or first.size == 0 or first.shape[1:] != (len(metrics),):
        raise ValueError(
            f"paired_differences needs two equal, non-empty arrays with a column for each of {len(metrics)} metrics; "
            f"got {first.shape} and {second.shape}."
        )
    differences = second - first
    p_values, intervals = sign_flip_test(differences)
    found = []
    for column, metric in enumerate(metrics):
        gains = differences[:, column] * (1 if metric in LARGER_IS_BETTER else -1)
        found.append(
            PairedDifference(
                metric,
                len(first),
                (float(first[:, column].mean()), float(second[:, column].mean())),
                float(differences[:, column].mean()),
                low=float(intervals[column, 0]),
                high=float(intervals[column, 1]),
                p_value=float(p_values[column]),
                better=(int((gains < 0).sum()), int((gains > 0).sum())),
            )
        )
    return found


def refuse_unequal(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> None:
    """Two summaries with rows (`reporting.rows_of`) can be compared: same protocol, same images, same ground truth.

    Raises:
        UserError: naming the runs, when they cannot.
    """
    protocols = [f"{run['protocol']['name']} version {run['protocol']['version']}" for run in (first, second)]
    if protocols[0] != protocols[1]:
        raise UserError(
            f"{names[1]} was validated by protocol {protocols[1]}, but {names[0]} by {protocols[0]}: {REMEDY}."
        )
    pixels = [{row["name"]: row["valid_pixels"] for row in summary["rows"]} for summary in (first, second)]
    alone = [[name for name in pixels[i] if name not in pixels[1 - i]] for i in (0, 1)]
    if alone[0] or alone[1]:
        found = [_some(f"only in {name}", only) for name, only in zip(names, alone, strict=True) if only]
        raise UserError(f"{names[1]} was validated on other images than {names[0]} ({'; '.join(found)}): {REMEDY}.")
    other_truth = [name for name in pixels[0] if pixels[0][name] != pixels[1][name]]
    if other_truth:
        raise UserError(
            f"{names[1]} was validated on images of the same names as {names[0]}, but with another ground truth "
            f"({_some('valid pixels differ', other_truth)}): {REMEDY}."
        )


def paired_scores(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], column: str, metrics: Sequence[str]
) -> list[PairedDifference]:
    """The metrics of a column ("aligned" or "unaligned") of two lists of rows, over the images that both score.

    Raises:
        UserError: when there is no such image.
    """
    others = {row["name"]: row for row in second}
    pairs = [(row[column], others[row["name"]][column]) for row in first]
    scored = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not scored:
        counts = [sum(row[column] is not None for row in rows) for rows in (first, second)]
        raise UserError(
            f"the two runs cannot be compared: of {len(first)} validation images the first scores {counts[0]} and the "
            f"second {counts[1]} ({column}), none of them in common; validate both on images with ground-truth depth"
        )
    numbers = [np.array([[run[metric] for metric in metrics] for run in runs]) for runs in zip(*scored, strict=True)]
    return paired_differences(metrics, *numbers)


def _some(title: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > NAMES_SHOWN else ""
    return f"{len(names)} {title}: {', '.join(names[:NAMES_SHOWN])}{more}"
