"""From the scores of a run to the tables of its report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from selfsup_depth.evaluation.distance_bins import DISTANCES
from selfsup_depth.evaluation.extras import BINNED
from selfsup_depth.evaluation.intervals import CAVEAT
from selfsup_depth.evaluation.metrics import SCORE_NAMES
from selfsup_depth.evaluation.reporting import BASELINE_NOTE, BIN_TITLES
from selfsup_depth.report.content import Cell, Estimate, ImageTable, Row, Table

Summary = Mapping[str, Any]
EDGE_TITLES = {
    "edge_acc": "accuracy, px",
    "edge_comp": "completeness, px",
    "no_edges": "predictions without edges, %",
    "dir_acc": "right side of the plane, %",
    "dir_minus": "seen before it, %",
    "dir_plus": "seen beyond it, %",
}


def headline_column(summary: Summary) -> str:
    """The key of the rows' scores that are the result: "aligned" or "unaligned"."""
    return "aligned" if summary["headline"]["column"] == "aligned" else "unaligned"


def has_metres(summary: Summary) -> bool:
    """Whether the scores are of lengths in metres, aligned or not; those of earlier versions always were."""
    return bool(summary["protocol"].get("metric", True))


def score_tables(summary: Summary) -> tuple[Table, ...]:
    """Everything that was scored: the metrics, then by distance, then edges."""
    found = [_scores(summary), _by_distance(summary), _edges(summary)]
    return tuple(table for table in found if table is not None)


def image_table(summary: Summary) -> ImageTable:
    """A row per image: both columns of abs_rel, the headline's other scores, edges."""
    column = headline_column(summary)
    other = "aligned" if column == "unaligned" else "unaligned"
    edges = [name for name in ("edge_acc", "edge_comp") if name in summary["intervals"]["extras"]]
    columns = ["image", "valid pixels", "ratio", *SCORE_NAMES]
    with_other = summary[other] is not None
    columns += [f"abs_rel {'aligned' if other == 'aligned' else 'un-aligned'}"] if with_other else []
    rows = []
    for row in summary["rows"]:
        scores, others = row[column], row[other]
        cells = [scores[name] if scores else None for name in SCORE_NAMES]
        cells += [others["abs_rel"] if others else None] if with_other else []
        cells += [row["extras"].get(name) for name in edges]
        numbers = [row["valid_pixels"], row["ratio"], *cells]
        rows.append((row["name"], *(None if value is None else float(f"{value:.5g}") for value in numbers)))
    note = f"Scores are {summary['headline']['column']}; ratio is median(truth) / median(prediction). A click sorts."
    digits = [0, 0, *[3] * (len(columns) - 2), *[1] * len(edges)]
    return ImageTable((*columns, *edges), tuple(digits), rows, note)


def _scores(summary: Summary) -> Table:
    protocol, counts = summary["protocol"], summary["counts"]
    columns = protocol["columns"]
    intervals = summary["intervals"]
    headline = headline_column(summary)
    rows = []
    for column, label in (("aligned", "aligned (median)"), ("unaligned", "un-aligned (metres)")):
        scores = summary[column]
        if column == "unaligned" and not has_metres(summary):
            continue
        cells: Sequence[Cell] = ["not metric", *[None] * (len(columns) - 1)]
        if scores is not None:
            cells = [_estimate(scores[name], intervals[column][name]) for name in columns]
        rows.append(Row(label, tuple(cells), "headline" if column == headline else ""))
    baseline = summary["baseline_constant_depth"]
    constant = f"{baseline['depth']:.2f} m" if has_metres(summary) else f"{baseline['depth']:.3g}"
    for label, column in (("each image's median", "aligned"), (f"constant {constant}", "unaligned")):
        rows.append(Row(label, tuple(Estimate(baseline[column][name]) for name in columns), "dim"))
    missing = counts["without_ground_truth"]
    note = (
        f"{counts['scored']} of {counts['images']} images scored"
        + (f" ({missing} have no valid ground truth)" if missing else "")
        + f". Under each mean its 95 % interval; {CAVEAT}. {BASELINE_NOTE[0].upper()}{BASELINE_NOTE[1:]}."
    )
    return Table(f"{protocol['name']}: {protocol['description']}", tuple(columns), tuple(rows), note)


def _by_distance(summary: Summary) -> Table | None:
    means, intervals = summary["extra_metrics"]["means"], summary["intervals"]["extras"]
    far = summary["protocol"]["max_depth"]
    borders = sorted({min(border, far) for border in DISTANCES})
    bins = [f"{near:g}-{end:g} m" for near, end in zip(borders[:-1], borders[1:], strict=True)]
    shown = [label for label in bins if f"abs_rel {label}" in means]
    if not shown:
        return None
    rows = [
        Row(
            BIN_TITLES[name],
            tuple(_extra(f"{name} {label}", means, intervals, 1 if name == "share" else 3) for label in shown),
        )
        for name in BINNED
    ]
    rows.append(Row("images", tuple(str(means[f"abs_rel {label}"]["images"]) for label in shown), "dim"))
    note = (
        f"{summary['headline']['column']}, by the true distance of a pixel; each image that has such pixels counts the "
        "same. Where the bias is above 0, depth is seen too far."
    )
    return Table("By distance", tuple(shown), tuple(rows), note[0].upper() + note[1:])


def _edges(summary: Summary) -> Table | None:
    means, intervals = summary["extra_metrics"]["means"], summary["intervals"]["extras"]
    shown = [name for name in EDGE_TITLES if name in means]
    if not shown:
        return None
    skipped = summary["extra_metrics"]["not_scored"].get("edges", {})
    plane = summary["protocol"]["plane"]
    note = (
        f"Distance from predicted to true edges (accuracy) and back (completeness), and on which side of {plane:g} m "
        f"pixels are seen ({summary['headline']['column']})."
    )
    if skipped:
        image, reason = next(iter(skipped.items()))
        note += f" {len(skipped)} images lack some of it, the first, {image}: {reason}."
    row = Row("mean", tuple(_extra(name, means, intervals, 1) for name in shown))
    return Table("Depth edges", tuple(EDGE_TITLES[name] for name in shown), (row,), note)


def _extra(name: str, means: Mapping[str, Any], intervals: Mapping[str, Any], digits: int) -> Estimate | None:
    return _estimate(means[name]["mean"], intervals[name], digits) if name in means else None


def _estimate(value: float, ends: Sequence[float], digits: int = 3) -> Estimate:
    """Without its interval where there is none."""
    low, high = ends if all(math.isfinite(end) for end in ends) else (None, None)
    return Estimate(value, low, high, digits)
