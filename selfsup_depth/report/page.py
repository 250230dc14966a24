"""A report as one HTML file that needs nothing else: no network, no other file, no program but a browser."""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from selfsup_depth.errors import UserError
from selfsup_depth.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, draw_charts
from selfsup_depth.report.clouds import why_no_viewer, write_scenes
from selfsup_depth.report.colours import data_uri, gradient
from selfsup_depth.report.content import Cell, Cloud, Estimate, Report
from selfsup_depth.report.stills import still_of


def write_report(report: Report, path: Path) -> None:
    """Write the page. Every text of `report` stays text, whatever it contains.

    Raises:
        UserError: when the file cannot be written.
    """
    page = render(report)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        remedy = "free some space, or give make_report.py another --output"
        raise UserError(f"the report {path} cannot be written ({error.strerror}): {remedy}.") from error


def render(report: Report) -> str:
    """The page as text."""
    scenes, missing = _scenes(report.clouds)
    return _environment().get_template("report.html").render(
        report=report,
        plot={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT, "top": TOP,
              "bottom": HEIGHT - BOTTOM},
        scenes=scenes,
        viewer_missing=missing,
    )  # fmt: skip


def _scenes(clouds: tuple[Cloud, ...]) -> tuple[dict[str, Any] | None, str | None]:
    if not clouds:
        return None, None
    missing = why_no_viewer()
    if missing:
        return None, missing
    scenes = write_scenes(clouds)
    return {"before": scenes.before, "data": scenes.data, "after": scenes.after}, None


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("selfsup_depth.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "shown": shown, "picture": data_uri, "gradient": gradient, "data": as_data, "drawn": draw_charts,
        "interval": interval, "still": still_of,
    }  # fmt: skip
    return environment


def shown(cell: Cell) -> str:
    """A number as tables show it."""
    if cell is None or isinstance(cell, str):
        return cell or "-"
    return _number(cell.value, cell.digits)


def interval(cell: Cell) -> str:
    """The ends of its interval; nothing where there is none."""
    if not isinstance(cell, Estimate) or cell.low is None or cell.high is None:
        return ""
    return f"{_number(cell.low, cell.digits)} to {_number(cell.high, cell.digits)}"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "not finite"


def as_data(value: Any) -> Markup:
    """Plain values as JSON that can stand in a <script>: no `<`, so no tag, ends or begins in it."""
    text = json.dumps(_without_nan(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return value
