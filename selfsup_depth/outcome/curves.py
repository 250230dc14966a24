"""From the log of a run to its curves: what belongs together shares a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfsup_depth.report.content import Chart, Line

#: Name in the log -> its chart, where that is not the name itself.
TOGETHER = {
    "aligned_abs_rel": "abs_rel",
    "a1": "a1, a2, a3",
    "a2": "a1, a2, a3",
    "a3": "a1, a2, a3",
    "warp_error": "photometric error, warped and not",
    "identity_error": "photometric error, warped and not",
}
#: Name in the log, or its part before the slash -> what its values count.
UNITS = {
    "abs_rel": "share of the true depth",
    "sq_rel": "metres",
    "rmse": "metres",
    "mae": "metres",
    "rmse_log": "natural logarithm",
    **dict.fromkeys(("a1", "a2", "a3", "range_saturation", "auto_masked"), "share of pixels"),
    "teacher_skipped": "share of images",
    "waiting_for_data": "share of the time",
    "images_per_s": "images per second",
    "learning_rate": "of Adam",
    "loss": "all terms, weighted",
    **dict.fromkeys(("reprojection", "smoothness", "predictive_mask", "distill"), "part of the loss, weighted"),
    **dict.fromkeys(("warp_error", "identity_error"), "from 0, the same, to 1"),
    "disparity_variation": "standard deviation / mean",
    **dict.fromkeys(("median_depth", "translation"), "network units"),
    "rotation": "radians",
    "focal_length": "pixels of the network's input",
}
KINDS = {"validation": "validation ", "train": ""}
_NOT_CURVES = frozenset({"kind", "step", "epoch"})


def curves(log: Sequence[Mapping[str, Any]], length: str = "metres") -> tuple[Chart, ...]:
    """Every number of the log over the steps: validation first, then losses, health and speed as they were logged.

    Args:
        length: what lengths of the true depth are in.
    """
    charts: dict[str, list[Line]] = {}
    units: dict[str, str] = {}
    for kind, prefix in KINDS.items():
        for name, line in _lines(log, kind).items():
            title = f"{prefix}{_chart_of(name)}"
            charts.setdefault(title, []).append(line)
            units[title] = unit_of(name).replace("metres", length)
    return tuple(Chart(title, tuple(lines), units[title]) for title, lines in charts.items())


def curves_of_two(logs: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Chart, ...]:
    """What both runs logged under one name and what says how good they are: validation scores and the loss."""
    found = []
    for kind, prefix in KINDS.items():
        lines = {run: _lines(log, kind) for run, log in logs.items()}
        shared = [name for name in next(iter(lines.values())) if all(name in one for one in lines.values())]
        for name in shared if kind == "validation" else [name for name in shared if name == "loss"]:
            both = tuple(Line(run, one[name].x, one[name].y) for run, one in lines.items())
            found.append(Chart(f"{prefix}{name}", both, unit_of(name)))
    return tuple(found)


def _lines(log: Iterable[Mapping[str, Any]], kind: str) -> dict[str, Line]:
    points: dict[str, tuple[list[float], list[float]]] = {}
    for entry in log:
        if entry.get("kind") != kind:
            continue
        for name, value in entry.items():
            if name not in _NOT_CURVES and isinstance(value, int | float):
                steps, values = points.setdefault(name, ([], []))
                steps.append(entry["step"])
                values.append(value)
    return {name: Line(_label(name), *both) for name, both in points.items()}


def unit_of(name: str) -> str:
    """In words; nothing for a name that no one here knows."""
    return UNITS.get(name.removeprefix("aligned_").partition("/")[0], "")


def _chart_of(name: str) -> str:
    return TOGETHER.get(name) or name.partition("/")[0]


def _label(name: str) -> str:
    """reprojection/0 is called 0 in the chart of reprojection: the scale."""
    _, _, part = name.partition("/")
    return (f"scale {part}" if part.isdigit() else part) or name
