"""What a report shows, as plain data: `page` turns it into a file, whoever gathered it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A number, and the ends of its confidence interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None
    digits: int = 3  # after the point


Cell = Estimate | str | None  # None: there is no such number


@dataclass(frozen=True)
class Row:
    label: str
    cells: tuple[Cell, ...]
    style: str = ""  # "headline", "dim" or nothing


@dataclass(frozen=True)
class Table:
    """A small table with an interval under each number."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True)
class ImageTable:
    """A row per image, sorted by a click on the head of a column. Cells: the name, then numbers or None."""

    columns: tuple[str, ...]
    digits: tuple[int, ...]  # after the point, of each column
    rows: Sequence[tuple[str | float | None, ...]]
    note: str = ""


@dataclass(frozen=True)
class Line:
    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Lines over training steps; several share one scale."""

    title: str
    lines: tuple[Line, ...]
    unit: str = ""  # what the values count


@dataclass(frozen=True)
class ColourBar:
    """What colours mean: a colormap from left to right, and values at fractions of its length."""

    colormap: str
    ticks: tuple[tuple[float, str], ...]
    label: str


@dataclass(frozen=True)
class Picture:
    title: str
    pixels: np.ndarray  # [H, W, 3] uint8
    bar: ColourBar | None = None


@dataclass(frozen=True)
class Example:
    """Pictures of one image, side by side."""

    name: str
    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Gallery:
    title: str
    examples: tuple[Example, ...]
    note: str = ""


@dataclass(frozen=True)
class Cloud:
    """Coloured points before a camera at the origin (x right, y down, z forward), in one unit of any length."""

    frame: str  # name of the image
    label: str  # what the points are: "prediction", "ground truth"
    points: np.ndarray  # [N, 3] float32
    colours: np.ndarray  # [N, 3] uint8
    spacing: float  # distance of neighbouring points at the median depth


@dataclass(frozen=True)
class Comparison:
    """This run, the first, beside another one."""

    names: tuple[str, str]
    sentence: str
    table: Table | None  # None: there is no number to compare by, and `sentence` says why
    galleries: tuple[Gallery, ...] = ()
    charts: tuple[Chart, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Everything on the page, from top to bottom; what is empty is left out."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]  # in large letters at the top: what, how much
    warnings: tuple[str, ...] = ()
    comparison: Comparison | None = None
    tables: tuple[Table, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    clouds: tuple[Cloud, ...] = ()
    clouds_note: str = ""
    charts: tuple[Chart, ...] = ()
    images: ImageTable | None = None
    details: tuple[tuple[str, str], ...] = ()  # how the run was made
    options: tuple[tuple[str, str, bool], ...] = ()  # name, value, whether it differs from the default
