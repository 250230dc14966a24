"""A report with something in every place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from selfsup_depth.report.colours import depth_picture, error_picture
from selfsup_depth.report.content import (
    Chart,
    Cloud,
    Comparison,
    Estimate,
    Example,
    Gallery,
    ImageTable,
    Line,
    Picture,
    Report,
    Row,
    Table,
)

COLUMNS, ROWS = np.meshgrid(np.arange(96.0), np.arange(64.0))
DEPTH = 4.0 + 0.1 * COLUMNS
IMAGE = np.stack([COLUMNS * 2, ROWS * 3, 255 - COLUMNS * 2], axis=-1).astype(np.uint8)


def cloud(label: str, frame: str = "street 1 l") -> Cloud:
    """A slanted, striped wall."""
    points = np.stack([(COLUMNS - 48) / 60 * DEPTH, (ROWS - 32) / 60 * DEPTH, DEPTH], axis=-1).reshape(-1, 3)
    colours = IMAGE.reshape(-1, 3) if label == "prediction" else 255 - IMAGE.reshape(-1, 3)
    return Cloud(frame, label, points.astype(np.float32), colours, spacing=8.0 / 60)


def small_report(word: str = "street") -> Report:
    """`word` stands wherever the page shows a text that comes from data."""
    table = Table(
        f"{word} scores", (f"{word} abs_rel", "a1"),
        (Row(f"{word} row", (Estimate(0.25, 0.2, 0.3), Estimate(float("nan"))), "headline"), Row("none", (None, word))),
        f"{word} note",
    )  # fmt: skip
    pictures = (
        Picture(f"{word} image", IMAGE),
        depth_picture(f"{word} depth", DEPTH, 4.0, 13.6, f"{word} metres"),
        error_picture("error", DEPTH, np.where(ROWS > 20, DEPTH * 1.2, 0.0)),
    )
    gallery = Gallery(f"{word} best", (Example(f"{word} 1 l", f"{word} 0.25", pictures),), f"{word} note")
    lines = (Line(f"{word} a", range(500), np.linspace(1, 0, 500)), Line("b", [0, 9], [0.2, 0.1]))
    chart = Chart(f"{word} loss", lines, f"{word} parts")
    names = (f"{word} 1", f"{word} 2")
    return Report(
        title=f"{word} run",
        subtitle=f"{word} subtitle",
        facts=((f"{word} fact", f"{word} value"),),
        warnings=(f"{word} warning",),
        comparison=Comparison(names, f"{word} verdict", table, (gallery,), (chart,), f"{word} note"),
        tables=(table,),
        galleries=(gallery,),
        clouds=(cloud("prediction", f"{word} 1 l"), cloud("ground truth", f"{word} 1 l")),
        clouds_note=f"{word} note",
        charts=(chart, Chart("empty", (Line("nothing", [1.0], [float("nan")]),))),
        images=ImageTable(
            (f"{word} image", "pixels", "abs_rel"), (0, 0, 3),
            [(f"{word} {i} l", 10 * (i % 7), None if i == 3 else 0.1 + 0.001 * ((i * 37) % 60)) for i in range(60)],
            f"{word} note",
        ),
        details=((f"{word} detail", f"{word} value"),),
        options=((f"{word}_option", word, True), ("usual", "1", False)),
    )  # fmt: skip


def every_text(value: Any, see: Callable[[str], None]) -> None:
    """All strings of a report."""
    if isinstance(value, str):
        see(value)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            every_text(getattr(value, field.name), see)
    elif isinstance(value, tuple | list):
        for entry in value:
            every_text(entry, see)
