"""Curves: places in pixels, ticks, and what cannot be drawn."""

from __future__ import annotations

import re

import numpy as np
import pytest

from selfsup_depth.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    POINTS,
    RIGHT,
    TOP,
    WIDTH,
    draw_chart,
    draw_charts,
)
from selfsup_depth.report.content import Chart, Line


def points(path: str) -> np.ndarray:
    return np.array(re.findall(r"[ML](\S+) ([^ML]+)", path), dtype=float)


def test_a_line_fills_the_frame():
    drawn = draw_chart(Chart("loss", (Line("a", [0, 50, 100], [0.0, 1.0, 2.0]),)))
    xy = points(drawn.lines[0].path)
    assert xy[:, 0] == pytest.approx([LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT])
    assert xy[1, 1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)
    assert TOP < xy[2, 1] < xy[0, 1] < HEIGHT - BOTTOM  # larger is higher
    assert drawn.lines[0].last == "2" and drawn.lines[0].values == [[0, 0], [50, 1], [100, 2]]


def test_ticks_stand_where_their_values_are():
    drawn = draw_chart(Chart("loss", (Line("a", [0, 40000], [0.0, 0.001]),)))
    assert [tick.label for tick in drawn.x_ticks] == ["0", "8k", "16k", "24k", "32k", "40k"]
    spacing = np.diff([tick.at for tick in drawn.x_ticks])
    assert spacing == pytest.approx((WIDTH - LEFT - RIGHT) / 5, abs=0.11)
    assert [tick.label for tick in drawn.y_ticks][:2] == ["0", "3e-4"]


def test_long_curves_are_averaged_not_sampled():
    noise = np.tile([0.0, 1.0], 50_000)
    drawn = draw_chart(Chart("loss", (Line("a", range(100_000), noise),)))
    values = np.array(drawn.lines[0].values)
    assert len(values) == POINTS and values[:, 1] == pytest.approx(0.5, abs=0.01)


def test_few_points_are_dots_even_one():
    drawn = draw_chart(Chart("abs_rel", (Line("a", [79], [0.3]),)))
    ((x, y),) = drawn.lines[0].dots
    assert LEFT < x < WIDTH - RIGHT and TOP < y < HEIGHT - BOTTOM
    assert draw_chart(Chart("abs_rel", (Line("a", range(50), range(50)),))).lines[0].dots == []


@pytest.mark.parametrize("value", [0.0, 3e-4, -2.0])
def test_a_constant_is_drawn(value):
    drawn = draw_chart(Chart("rate", (Line("a", range(20), [value] * 20),)))
    heights = points(drawn.lines[0].path)[:, 1]
    assert np.ptp(heights) == 0 and TOP <= heights[0] <= HEIGHT - BOTTOM and len(drawn.y_ticks) >= 2


def test_what_is_not_finite_is_left_out():
    line = Line("a", [0, 1, 2, 3], [1.0, float("nan"), float("inf"), 2.0])
    assert draw_chart(Chart("loss", (line, Line("b", [], [])))).lines[0].values == [[0, 1], [3, 2]]
    assert draw_charts([Chart("loss", (Line("a", [0], [float("nan")]),)), Chart("none", ())]) == []
