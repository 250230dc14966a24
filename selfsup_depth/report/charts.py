"""Curves as inline SVG: coordinates here, markup in the template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from selfsup_depth.report.content import Chart, Line

WIDTH, HEIGHT = 340, 184
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 8, 36
#: Points of a drawn line; longer curves are averaged over equal stretches of steps.
POINTS = 240
FEW = 12
#: From Okabe & Ito's palette, told apart by the colour-blind too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


@dataclass(frozen=True)
class DrawnLine:
    label: str
    colour: str
    path: str  # of the SVG
    dots: list[tuple[float, float]]  # pixels; of curves of few points, which a line alone hides
    last: str  # its last value, in words
    values: list[list[float]]  # steps and values of the points, for the pointer


@dataclass(frozen=True)
class Tick:
    at: float  # pixels
    label: str


@dataclass(frozen=True)
class DrawnChart:
    title: str
    unit: str
    lines: tuple[DrawnLine, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    limits: list[float]  # x0, x1, y0, y1 of the frame, for the pointer


def draw_charts(charts: Iterable[Chart]) -> list[DrawnChart]:
    """Those that have something to show."""
    return [drawn for chart in charts if (drawn := draw_chart(chart)) is not None]


def draw_chart(chart: Chart) -> DrawnChart | None:
    """Axes and lines of a chart; None when no value of it is finite."""
    thinned = [(line.label, *_thinned(line)) for line in chart.lines]
    shown = [(label, x, y) for label, x, y in thinned if len(x)]
    if not shown:
        return None
    x0, x1 = _limits([x for _, x, _ in shown], margin=0.0)
    y0, y1 = _limits([y for _, _, y in shown], margin=0.05)

    def across(x: float) -> float:
        return round(LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT), 1)

    def down(y: float) -> float:
        return round(TOP + (y1 - y) / (y1 - y0) * (HEIGHT - TOP - BOTTOM), 1)

    lines = [
        DrawnLine(
            label,
            COLOURS[position % len(COLOURS)],
            path="M" + "L".join(f"{across(a):g} {down(b):g}" for a, b in zip(x, y, strict=True)),
            last=f"{y[-1]:.3g}",
            dots=[(across(a), down(b)) for a, b in zip(x, y, strict=True)] if len(x) <= FEW else [],
            values=[[float(f"{a:.6g}"), float(f"{b:.4g}")] for a, b in zip(x, y, strict=True)],
        )
        for position, (label, x, y) in enumerate(shown)
    ]
    return DrawnChart(
        chart.title,
        chart.unit,
        tuple(lines),
        tuple(Tick(across(x), _short(x)) for x in _ticks(x0, x1, 5)),
        tuple(Tick(down(y), _short(y)) for y in _ticks(y0, y1, 4)),
        [x0, x1, y0, y1],
    )


def _thinned(line: Line) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(line.x, dtype=np.float64), np.asarray(line.y, dtype=np.float64)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) <= POINTS:
        return x, y
    return tuple(np.array([part.mean() for part in np.array_split(values, POINTS)]) for values in (x, y))  # type: ignore[return-value]


def _limits(values: Sequence[np.ndarray], margin: float) -> tuple[float, float]:
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    if high == low == 0:
        return 0.0, 1.0
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # a constant is drawn in the middle
        return low - 0.5 * abs(low), high + 0.5 * abs(low)
    return low - margin * (high - low), high + margin * (high - low)


def _ticks(low: float, high: float, count: int) -> list[float]:
    return [value for value in MaxNLocator(count).tick_values(low, high) if low <= value <= high]


def _short(value: float) -> str:
    """12000 as 12k, 0.0003 as 3e-4; what rounding left of 0 as 0."""
    if abs(value) >= 1000:
        exponent = min(int(math.log10(abs(value)) // 3), 2)
        return f"{value / 1000**exponent:g}{'kM'[exponent - 1]}"
    if 1e-12 < abs(value) < 1e-3:
        digits, _, power = f"{value:.1e}".partition("e")
        return f"{float(digits):g}e{int(power)}"
    return f"{0.0 if abs(value) <= 1e-12 else value:.4g}"
