"""The frames of one sequence in time: which of them are taken, and which are neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from selfsup_depth.datasets.request import FootageOptions

#: Half a usual step longer than the steps that the choice itself makes: frames are missing between.
TOLERATED_STEPS = 0.5


class FrameOrder:
    """Frames at ascending `places` (seconds, or the numbers in their names), known by their index.

    Args:
        places: [N], which also tell the usual step.
        every: take every this many frames, counted from the first.
        period: take the frames nearest to this raster, in the unit of `places`; None: all.
    """

    def __init__(self, places: Sequence[float], *, every: int = 1, period: float | None = None) -> None:
        self._places = places
        usual = median(later - earlier for earlier, later in pairwise(places)) if len(places) > 1 else 0.0
        chosen = _on_raster(places, period, usual / 2) if period is not None else list(range(len(places)))
        regular = usual if period is None or period <= usual else period + usual
        self._longest = regular * every + TOLERATED_STEPS * usual
        self.taken = chosen[::every]
        self._position = {index: position for position, index in enumerate(self.taken)}

    def neighbour(self, index: int, offset: int) -> int | None:
        """The frame taken `offset` frames later (earlier when negative); None: there is none, or frames are missing."""
        here = self._position.get(index)
        if here is None or not 0 <= here + offset < len(self.taken):
            return None
        low, high = sorted((here, here + offset))
        steps = pairwise(self._places[i] for i in self.taken[low : high + 1])
        if any(later - earlier > self._longest for earlier, later in steps):
            return None
        return self.taken[here + offset]


def _on_raster(places: Sequence[float], period: float, early: float) -> list[int]:
    """The first frame that is not more than `early` before each point of a raster that begins at the first frame."""
    taken: list[int] = []
    due = 0  # counted, because a sum of periods would drift
    for index, place in enumerate(places):
        since = place - places[0] + early
        if since >= due * period:
            taken.append(index)
            due = int(since / period) + 1
    return taken


def passed_over(options: FootageOptions) -> str:
    """Why frames that `every` and `period` pass over are left out, naming the options that say so."""
    given = [f"--fps {options.fps:g}"] if options.fps is not None else []
    given += [f"--frame_step {options.frame_step}"] if options.frame_step > 1 else []
    return f"between the frames that {' '.join(given)} takes"
