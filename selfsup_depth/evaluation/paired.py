"""Two sets of per-image scores of the same images: which is better, by how much, and could it be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.intervals import bootstrap_intervals

LARGER_IS_BETTER = frozenset({"a1", "a2", "a3"})
NAMES_SHOWN = 3


@dataclass(frozen=True)
class PairedDifference:
    """One metric of two runs on the same images; differences are second minus first."""

    metric: str
    images: int
    means: tuple[float, float]
    difference: float
    low: float  #: ends of the 95 % interval of the mean difference, from resampled images
    high: float
    p_value: float  #: two-sided Wilcoxon signed-rank test: the chance of such ranks if neither were better
    better: tuple[int, int]  #: images on which the first, and the second, has the better score


def paired_difference(
    metric: str, first: NDArray[np.floating], second: NDArray[np.floating]
) -> PairedDifference:
    """Compares the scores [N] of two runs, image by image.

    Raises:
        ValueError: if the two differ in shape or are empty.
    """
    if first.shape != second.shape or first.size == 0:
        raise ValueError(f"paired_difference needs two equal, non-empty arrays; got {first.shape}, {second.shape}.")
    differences = second - first
    low, high = bootstrap_intervals(differences[:, None])[0]
    gains = differences if metric in LARGER_IS_BETTER else -differences
    return PairedDifference(
        metric,
        len(first),
        (float(first.mean()), float(second.mean())),
        float(differences.mean()),
        float(low),
        float(high),
        p_value=float(wilcoxon(differences).pvalue) if differences.any() else 1.0,
        better=(int((gains < 0).sum()), int((gains > 0).sum())),
    )


def refuse_unequal(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> None:
    """Two summaries with rows (`reporting.rows_of`) can be compared: same protocol, same images, same ground truth.

    Raises:
        UserError: naming the runs, when they cannot.
    """
    protocols = [f"{run['protocol']['name']} version {run['protocol']['version']}" for run in (first, second)]
    remedy = "compare runs that were trained with the same --dataset, --data_path and --split"
    if protocols[0] != protocols[1]:
        raise UserError(
            f"{names[1]} was validated by protocol {protocols[1]}, but {names[0]} by {protocols[0]}: {remedy}."
        )
    pixels = [{row["name"]: row["valid_pixels"] for row in summary["rows"]} for summary in (first, second)]
    alone = [[name for name in pixels[i] if name not in pixels[1 - i]] for i in (0, 1)]
    if alone[0] or alone[1]:
        found = [_some(f"only in {name}", only) for name, only in zip(names, alone, strict=True) if only]
        raise UserError(f"{names[1]} was validated on other images than {names[0]} ({'; '.join(found)}): {remedy}.")
    other_truth = [name for name in pixels[0] if pixels[0][name] != pixels[1][name]]
    if other_truth:
        raise UserError(
            f"{names[1]} was validated on images of the same names as {names[0]}, but with another ground truth "
            f"({_some('valid pixels differ', other_truth)}): {remedy}."
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
    return [
        paired_difference(
            metric, np.array([one[metric] for one, _ in scored]), np.array([other[metric] for _, other in scored])
        )
        for metric in metrics
    ]


def _some(title: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > NAMES_SHOWN else ""
    return f"{len(names)} {title}: {', '.join(names[:NAMES_SHOWN])}{more}"
