"""Two finished runs side by side, on the same validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.intervals import CAVEAT
from selfsup_depth.evaluation.metrics import SCORE_NAMES
from selfsup_depth.evaluation.paired import LARGER_IS_BETTER, PairedDifference, paired_scores, refuse_unequal
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.outcome.curves import curves_of_two
from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.outcome.looks import Looks, apart, comparison_example
from selfsup_depth.outcome.tables import headline_column
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.content import Comparison, Estimate, Gallery, Row, Table

Summary = Mapping[str, Any]
EACH = 2  # images shown of either kind
CERTAIN = 0.05


@dataclass(frozen=True)
class Contender:
    """A run with its scores and its network."""

    run: FinishedRun
    summary: Summary
    predictor: DepthPredictor


def compare(first: Contender, second: Contender, dataset: ViewDataset, protocol: Protocol) -> Comparison:
    """The first run against the second, on the validation images of the first.

    Raises:
        UserError: when they were not validated on the same images (`paired.refuse_unequal`), or are one run.
    """
    both = (first, second)
    if first.run.folder.resolve() == second.run.folder.resolve():
        raise UserError(f"--against {second.run.folder} is the run itself: give another run.")
    names = short_names(first.run, second.run)
    refuse_unequal(first.summary, second.summary, names)
    column = shared_column(first.summary, second.summary)
    pairs = paired_scores(first.summary["rows"], second.summary["rows"], column, SCORE_NAMES)
    looks = [Looks(one.predictor, dataset, protocol, one.summary, column) for one in both]
    return Comparison(
        names,
        verdict(pairs[0], names),
        _table(pairs, names, column),
        _galleries(looks, names),
        curves_of_two({name: one.run.log for name, one in zip(names, both, strict=True)}),
        note=(
            "Differences are second minus first, image by image; under each its 95 % interval from resampled images; p "
            f"is of the two-sided Wilcoxon signed-rank test. For both {CAVEAT}."
        ),
    )


def short_names(first: FinishedRun, second: FinishedRun) -> tuple[str, str]:
    """The names of the runs; with their folders where they are the same."""
    if first.name != second.name:
        return first.name, second.name
    return str(first.folder), str(second.folder)


def shared_column(first: Summary, second: Summary) -> str:
    """Un-aligned where that is the headline of both, else aligned: only equal columns can be compared."""
    headlines = {headline_column(first), headline_column(second)}
    return headlines.pop() if len(headlines) == 1 else "aligned"


def verdict(pair: PairedDifference, names: tuple[str, str]) -> str:
    """One sentence: which run is better by one metric, and whether that could be chance."""
    by = f"(means {pair.means[0]:.3f} and {pair.means[1]:.3f}; difference {pair.difference:+.3f}, 95 % interval "
    by += f"{pair.low:+.3f} to {pair.high:+.3f}; Wilcoxon p = {_p(pair.p_value)})"
    if pair.difference == 0:
        return f"Both runs have the same {pair.metric} {by}."
    second_wins = (pair.difference > 0) == (pair.metric in LARGER_IS_BETTER)
    better, worse = (names[1], names[0]) if second_wins else names
    wins = pair.better[1] if second_wins else pair.better[0]
    if pair.p_value >= CERTAIN or pair.low <= 0 <= pair.high:
        return (
            f"No clear difference in {pair.metric} on these {pair.images} images: {better} is better on {wins} of them "
            f"{by}."
        )
    return f"{better} has a better {pair.metric} than {worse} on {wins} of {pair.images} images {by}."


def _table(pairs: list[PairedDifference], names: tuple[str, str], column: str) -> Table:
    rows = tuple(
        Row(
            pair.metric,
            (
                Estimate(pair.means[0]),
                Estimate(pair.means[1]),
                Estimate(pair.difference, pair.low, pair.high),
                _p(pair.p_value),
                f"{pair.better[0]} : {pair.better[1]}",
            ),
            "headline" if pair.metric == pairs[0].metric else "",
        )
        for pair in pairs
    )
    title = f"{'un-aligned' if column == 'unaligned' else 'aligned'} scores, {pairs[0].images} images"
    return Table(title, (*names, "difference", "p", "images won"), rows)


def _galleries(looks: Sequence[Looks], names: tuple[str, str]) -> tuple[Gallery, ...]:
    """The images that each run wins by most."""
    gains = {}
    for image in looks[0].rows:
        scores = [one.score(image) for one in looks]
        if scores[0] is not None and scores[1] is not None:
            gains[image] = scores[0] - scores[1]
    found = []
    for name, sign in ((names[0], -1), (names[1], 1)):
        won = sorted((image for image in gains if sign * gains[image] > 0), key=lambda image: -sign * gains[image])
        shown = apart(won, looks[0].index, EACH)
        examples = tuple(comparison_example(looks[0], looks[1], names, image) for image in shown)
        if examples:
            found.append(Gallery(f"Where {name} is better by most", examples))
    return tuple(found)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"
