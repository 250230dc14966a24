from __future__ import annotations

import pytest

from selfsup_depth.datasets.frame_order import FrameOrder, passed_over
from selfsup_depth.datasets.request import FootageOptions


def test_neighbours_are_the_next_frames_taken():
    order = FrameOrder([3, 4, 5, 6])
    assert order.taken == [0, 1, 2, 3]
    assert [order.neighbour(1, offset) for offset in (-1, 0, 1, 2)] == [0, 1, 2, 3]
    assert order.neighbour(0, -1) is None and order.neighbour(3, 1) is None and order.neighbour(1, 3) is None


@pytest.mark.parametrize(
    ("places", "across"), [([0, 1, 2, 4, 5], None), ([0, 5, 10, 17, 22], 3), ([0, 5, 10, 18, 23], None)]
)
def test_a_gap_is_a_step_half_as_long_again_as_usual(places, across):
    order = FrameOrder(places)
    assert order.neighbour(2, 1) == across
    assert order.neighbour(1, 2) == across  # nor over it
    assert order.neighbour(3, 1) == 4 and order.neighbour(2, -1) == 1


def test_every_second_frame():
    order = FrameOrder([0, 1, 2, 3, 4, 5, 7, 8], every=2)
    assert order.taken == [0, 2, 4, 6]
    assert order.neighbour(2, 1) == 4 and order.neighbour(2, -1) == 0
    assert order.neighbour(4, 1) is None  # frame 6 of the numbers is missing between
    assert order.neighbour(1, 1) is None  # not taken


def times(rate: float, count: int) -> list[float]:
    """Of a camera whose clock is not quite even, long after 1970."""
    return [1.3e9 + n / rate + (0.002 if n % 3 == 1 else -0.001) for n in range(count)]


@pytest.mark.parametrize("rate", [30.0, 60.0, 1000.0])
def test_a_raster_as_fast_as_the_camera_takes_all(rate):
    assert FrameOrder(times(30, 90), period=1 / rate).taken == list(range(90))


@pytest.mark.parametrize(("rate", "expected"), [(25.0, 75), (20.0, 60), (12.0, 36), (10.0, 30), (1.0, 3)])
def test_a_slower_raster_keeps_its_rate_and_has_no_gaps_of_its_own(rate, expected):
    order = FrameOrder(times(30, 90), period=1 / rate)
    assert abs(len(order.taken) - expected) <= 1 and order.taken[0] == 0
    for here, there in zip(order.taken, order.taken[1:], strict=False):
        assert order.neighbour(here, 1) == there
        assert abs((there - here) - 30 / rate) <= 1


def test_a_pause_is_a_gap_of_the_raster():
    before, after = times(30, 30), [time + 2.0 for time in times(30, 60)[30:]]
    order = FrameOrder([*before, *after], period=0.1)
    last = max(index for index in order.taken if index < 30)
    assert order.neighbour(last, 1) is None
    assert order.taken[-10:] == list(range(30, 60, 3))  # taken at once, and as sparsely as before


def test_one_frame_and_none():
    assert FrameOrder([7.0], period=1.0).taken == [0]
    assert FrameOrder([7]).neighbour(0, 1) is None
    assert FrameOrder([]).taken == []


def test_words_name_the_options():
    both = FootageOptions(fps=7.5, frame_step=2)
    assert passed_over(both) == "between the frames that --fps 7.5 --frame_step 2 takes"
    assert passed_over(FootageOptions(frame_step=3)) == "between the frames that --frame_step 3 takes"
