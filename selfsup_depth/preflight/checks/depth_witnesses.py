"""How well depth maps follow the depth that stereo, or the camera's motion, gives to the same points.

Up to one factor: which unit the maps are in is another question. Scattered points (LiDAR) are enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from selfsup_depth.preflight.checks.agreement import FEWEST, by_poses, poses_can_be_used
from selfsup_depth.preflight.footage import Footage, Moment
from selfsup_depth.preflight.point_depths import by_stereo, depth_at_size

#: Spread (median distance from the median) of the logarithm of map over witness: KITTI's LiDAR 0.017, drive 0.023 (by
#: poses 0.050), rooms 0.008; mirrored maps 0.16 to 0.25, upside down 0.34 and more, maps of other frames 0.18 to 0.27,
#: inverse depth 0.67 and more.
MOST_SPREAD = 0.1
#: Another reading explains the maps when no more than this part of the spread is left, and there was so much of it. A
#: street is nearly symmetric: mirrored maps of one had 0.09, of which 0.012 was left.
EXPLAINED, WORTH_EXPLAINING = 0.5, 0.02
#: Pixels of a picture about 350 wide, in each direction and in steps.
REACH, STEP = 14, 2
Change = Callable[[np.ndarray], np.ndarray]  # of a map [h, w]
TURNED: dict[str, Change] = {
    "mirrored": lambda depth: depth[:, ::-1],
    "upside down": lambda depth: depth[::-1],
    "turned by half": lambda depth: depth[::-1, ::-1],
}


@dataclass(frozen=True)
class Witnessed:
    """The maps of all moments beside what a witness says of single points."""

    maps: list[np.ndarray]  # [h, w] metres at the size of the picture, 0 = unknown
    points: list[np.ndarray]  # [N, 2] whole pixels (column, row)
    depths: list[np.ndarray]  # [N] metres by the witness
    name: str  # of the witness

    def spread(self, change: Change | None = None, shift: tuple[int, int] = (0, 0)) -> float:
        """Of the maps, changed, then moved right and down; infinite where too few points are known to both."""
        ratios = [np.zeros(0)]
        for depth, points, told in zip(self.maps, self.points, self.depths, strict=True):
            changed = depth if change is None else change(depth)
            columns, rows = points[:, 0] - shift[0], points[:, 1] - shift[1]
            inside = (columns >= 0) & (columns < changed.shape[1]) & (rows >= 0) & (rows < changed.shape[0])
            found = changed[rows[inside], columns[inside]]
            known = found > 0
            ratios.append(np.log(found[known] / told[inside][known]))
        together = np.concatenate(ratios)
        return float(np.median(np.abs(together - np.median(together)))) if together.size >= FEWEST else float("inf")

    def best_shift(self) -> tuple[tuple[int, int], float]:
        """Right and down by which the maps fit best, and the spread that is left then."""
        steps = range(-REACH, REACH + 1, STEP)
        spreads = {(right, down): self.spread(shift=(right, down)) for right in steps for down in steps}
        best = min(spreads, key=lambda shift: (spreads[shift], abs(shift[0]) + abs(shift[1])))
        return best, spreads[best]


def witnessed(footage: Footage) -> Witnessed | None:
    """By stereo, else by poses; None: neither knows enough points of the maps."""
    if (by_pairs := _gathered(footage, by_stereo, "stereo")) is not None:
        return by_pairs
    return _gathered(footage, by_poses, "poses") if poses_can_be_used(footage) else None


def inverted(depth: np.ndarray) -> np.ndarray:
    """1 / depth where it is known."""
    return np.where(depth > 0, 1 / np.maximum(depth, 1e-9), 0)


def _gathered(footage: Footage, witness: Callable[[Moment], object], name: str) -> Witnessed | None:
    maps, points, depths = [], [], []
    for moment in footage.moments:
        told = None if moment.depth is None else witness(moment)
        pair = moment.stereo or next(iter(moment.in_time), None)
        if moment.depth is None or told is None or pair is None:
            continue
        metres = np.asarray(told)
        known = np.isfinite(metres) & (metres > 0)
        maps.append(depth_at_size(moment.depth, moment.target.width, moment.target.height))
        points.append(pair.matches.points.long().numpy()[known])
        depths.append(metres[known])
    found = Witnessed(maps, points, depths, name)
    return found if found.spread() < float("inf") else None
