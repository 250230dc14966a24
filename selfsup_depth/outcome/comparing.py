"""Two finished runs side by side, on the same validation images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.evaluation.metrics import SCORE_NAMES
from selfsup_depth.evaluation.paired import paired_scores, refuse_unequal
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.outcome.contender import Contender, names_of, other_losses
from selfsup_depth.outcome.curves import curves_of_two
from selfsup_depth.outcome.looks import Looks, apart, comparison_example
from selfsup_depth.outcome.tables import headline_column
from selfsup_depth.outcome.verdict import rule, table_of, verdict
from selfsup_depth.report.content import Comparison, Gallery

Summary = Mapping[str, Any]
EACH = 2  # images shown of either kind


def compare(first: Contender, second: Contender, dataset: ViewDataset, protocol: Protocol) -> Comparison:
    """The first run against the second, on the validation images of the first.

    Raises:
        UserError: when they were not validated on the same images (`paired.refuse_unequal`), or are one run.
    """
    both = (first, second)
    names = names_of(first.run, second.run)
    refuse_unequal(first.summary, second.summary, names)
    column = shared_column(first.summary, second.summary)
    pairs = paired_scores(first.summary["rows"], second.summary["rows"], column, SCORE_NAMES)
    title = "un-aligned" if column == "unaligned" else "aligned"
    looks = [Looks(one.predictor, dataset, protocol, one.summary, column) for one in both]
    return Comparison(
        names,
        verdict(pairs[0], names),
        table_of(pairs, names, f"{title} scores, {pairs[0].images} images"),
        _galleries(looks, names),
        curves_of_two({name: one.run.log for name, one in zip(names, both, strict=True)}),
        note=f"{rule(pairs[0].images)} {other_losses(first.run, second.run)}".strip(),
    )


def shared_column(first: Summary, second: Summary) -> str:
    """Un-aligned where that is the headline of both, else aligned: only equal columns can be compared."""
    headlines = {headline_column(first), headline_column(second)}
    return headlines.pop() if len(headlines) == 1 else "aligned"


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

