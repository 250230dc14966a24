"""An evaluation result as files (per_image.csv, summary.json) and as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from selfsup_depth import __version__
from selfsup_depth.evaluation.accumulator import EvaluationResult
from selfsup_depth.evaluation.baselines import ConstantBaseline
from selfsup_depth.evaluation.extras import BINNED, ExtraMean
from selfsup_depth.evaluation.metrics import MONODEPTH2_COLUMNS, SCORE_NAMES, DepthScores

NAMES_SHOWN = 5
BIN_TITLES = {
    "abs_rel": "abs_rel",
    "rmse": "rmse in metres",
    "bias": "bias, (prediction - truth) / truth",
    "share": "pixels in %",
}
BASELINE_NOTE = (
    "dim rows look at no image: a constant after median alignment, and the one constant with the best mean abs_rel; "
    "the median is not chosen for abs_rel, so it can be the worse of the two"
)


def write_per_image(result: EvaluationResult, path: Path) -> None:
    """One row per image of the list, in order; empty cells where there is no score."""
    header = ["index", "name", "valid_pixels", "ratio"]
    header += [f"{column}_{name}" for column in ("aligned", "unaligned") for name in SCORE_NAMES]
    extras = [extra.name for extra in result.extras]
    header += extras
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        for index, row in enumerate(result.rows):
            ratio = "" if row.ratio is None else row.ratio
            cells = [*_cells(row.aligned), *_cells(row.unaligned)]
            cells += [row.extras.values.get(name, "") for name in extras]
            writer.writerow([index, row.name, row.valid_pixels, ratio, *cells])


def rows_of(result: EvaluationResult) -> list[dict[str, Any]]:
    """One entry per image, in order, as plain JSON values; `per_image.csv` for programs that compare runs."""
    return [
        {
            "name": row.name,
            "valid_pixels": row.valid_pixels,
            "ratio": row.ratio,
            "aligned": asdict(row.aligned) if row.aligned else None,
            "unaligned": asdict(row.unaligned) if row.unaligned else None,
            "extras": dict(row.extras.values),
        }
        for row in result.rows
    ]


def summarise(result: EvaluationResult, baseline: ConstantBaseline | None, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything needed to know what was measured, as plain JSON values. `facts`: data, checkpoint, options."""
    return {
        "library_version": __version__,
        "protocol": asdict(result.protocol),
        "headline": {"column": result.mode.headline, **asdict(result.headline)},
        "aligned": asdict(result.aligned),
        "unaligned": asdict(result.unaligned) if result.unaligned else None,
        "unaligned_note": result.mode.scale_source if result.mode.metric else f"not metric: {result.mode.scale_source}",
        "scale_factor": result.mode.scale_factor,
        "ratio": asdict(result.ratios),
        "baseline_constant_depth": asdict(baseline) if baseline else None,
        "counts": {
            "images": len(result.rows),
            "scored": result.scored_count,
            "without_ground_truth": len(result.without_ground_truth),
            "prediction_not_finite": len(result.not_finite),
        },
        "without_ground_truth": list(result.without_ground_truth),
        "prediction_not_finite": list(result.not_finite),
        "extra_metrics": {
            "of": result.mode.headline,
            "means": {extra.name: {"mean": extra.mean, "images": extra.images} for extra in result.extras},
            "not_scored": result.extras_skipped,
        },
        **facts,
    }


def write_summary(summary: Mapping[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2, default=str) + "\n")


def score_table(result: EvaluationResult, baseline: ConstantBaseline | None = None) -> Table:
    """Aligned and un-aligned scores, the headline marked, and what constants reach; fits 80 columns."""
    columns, is_metric = result.protocol.columns, result.protocol.metric
    narrow = len(columns) > len(MONODEPTH2_COLUMNS)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0) if narrow else (0, 1))
    table.add_column("", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right")
    for label, scores, mark in (
        ("aligned (median)", result.aligned, result.mode.align),
        ("un-aligned (metres)", result.unaligned, not result.mode.align),
    ):
        if is_metric or mark:
            table.add_row(f"{'> ' if mark else '  '}{label}", *_shown(scores, columns), style="bold" if mark else None)
    if baseline:
        table.add_row("  each image's median", *_shown(baseline.aligned, columns), style="dim")
        constant = f"{baseline.depth:.2f} m" if is_metric else f"{baseline.depth:.3g}"
        table.add_row(f"  constant {constant}", *_shown(baseline.unaligned, columns), style="dim")
    return table


def print_result(
    result: EvaluationResult, baseline: ConstantBaseline | None, console: Console, *, extras: bool = True
) -> None:
    """The table, the scaling ratios, every count that is not in the mean, and the extra metrics if wanted."""
    protocol = result.protocol
    lines = [
        f"{result.scored_count} of {len(result.rows)} images scored; result: {result.mode.headline} "
        f"({result.mode.scale_source})",
        f"scaling ratios (truth / prediction): median {result.ratios.median:.3f}, "
        f"std of ratio / median {result.ratios.relative_std:.3f}",
    ]
    for names, reason in (
        (result.without_ground_truth, "without valid ground truth, in no mean"),
        (result.not_finite, "with a prediction that is not finite"),
    ):
        if names:
            shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
            lines.append(f"{len(names)} images {reason}: {shown}")
    console.print(f"\n{protocol.name}: {protocol.description}", highlight=False, soft_wrap=True)
    console.print(score_table(result, baseline))
    if baseline:
        console.print(BASELINE_NOTE, style="dim", highlight=False, soft_wrap=True)
    for title, table in _extra_tables(result) if extras else ():
        console.print(title, highlight=False, soft_wrap=True)
        console.print(table)
    for metric, reasons in result.extras_skipped.items() if extras else ():
        image, reason = next(iter(reasons.items()))
        lines.append(f"{metric}: {len(reasons)} images without (all of) its numbers, the first, {image}: {reason}")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _cells(scores: DepthScores | None) -> tuple[Any, ...]:
    return ("",) * len(SCORE_NAMES) if scores is None else astuple(scores)


def _shown(scores: DepthScores | None, columns: Sequence[str]) -> list[str]:
    if scores is None:
        return ["not metric", *["-"] * (len(columns) - 1)]
    return [f"{getattr(scores, name):.3f}" for name in columns]


def _extra_tables(result: EvaluationResult) -> list[tuple[str, Table]]:
    """A title and a table of means for the edges, for Chamfer distance, and for each threshold of point clouds."""
    groups: dict[str, list[ExtraMean]] = {}
    for extra in result.extras:
        groups.setdefault(_title(extra.name, result), []).append(extra)
    tables = []
    for title, extras in groups.items():
        table = Table(box=None, pad_edge=False)
        for extra in extras:
            table.add_column(_label(extra.name), justify="right")
        table.add_row(*(f"{extra.mean:.3f}" for extra in extras))
        counts = {extra.images for extra in extras}
        tables.append((f"{title}, {'-'.join(str(n) for n in sorted(counts))} images:", table))
    return tables


def _label(name: str) -> str:
    """An extra's name as the head of its column: without what the title of its table says."""
    metric, _, bin_of_depth = name.partition(" ")
    return bin_of_depth if metric in BINNED and bin_of_depth else name.partition("@")[0]


def _title(name: str, result: EvaluationResult) -> str:
    column = result.mode.headline
    metric, _, bin_of_depth = name.partition(" ")
    if metric in BINNED and bin_of_depth:
        return f"\n{BIN_TITLES[metric]} by true distance ({column})"
    if "@" in name:
        return f"\npoint clouds ({column}), % nearer than {name.partition('@')[2]} m"
    if name == "chamfer":
        return f"\npoint clouds ({column}), metres"
    if name.startswith("dir_"):
        return f"\nside of the plane at {result.protocol.plane:g} m ({column}), %"
    return f"\ndepth edges ({column}), pixels; predictions without any, %"
