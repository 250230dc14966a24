"""Depth maps: can they be read, are there enough depths in them, in metres?"""

from __future__ import annotations

import numpy as np

from selfsup_depth.preflight.checks.agreement import (
    MAP_FACTORS,
    MOST_APART,
    agrees,
    describe_factor,
    map_over_stereo,
    poses_over_map,
)
from selfsup_depth.preflight.drawing import draw_depth, named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage, Moment

NO_DEPTH = "no depth maps"
#: Part of the pixels with depth: one LiDAR scan of 64 lines covers 0.04 of KITTI's images, 16 lines about 0.01.
LEAST_COVERAGE = 0.004
#: Spread of log depth within a map: KITTI, drive and rooms 0.3 and more; a wall seen head-on 0.02.
LEAST_SPREAD = 0.01
#: Part of the known pixels that have exactly the largest value of all.
MOST_AT_LIMIT = 0.03
#: Metres, the middle of a map: from a hand's breadth to an aerial view.
NEAREST_MEDIAN, FARTHEST_MEDIAN = 0.03, 150.0


def depth_readable(footage: Footage) -> Result:
    """Every sampled map can be read."""
    broken, maps = footage.unreadable_depth, depth_maps(footage)
    if not broken and not maps:
        return not_looked(NO_DEPTH)
    seen = f"{len(maps)} maps read, {len(broken)} not"
    if not broken:
        return good(seen)
    place, error = next(iter(broken.items()))
    target = next((moment.target for moment in footage.moments if moment.target.place == place), None)
    return bad(
        seen,
        Finding(
            "depth_readable", "error", len(broken), "maps", "maps that can be read",
            f"{len(broken)} of {len(broken) + len(maps)} cannot, for example: {error.found}",
            error.cause or "a copy that was interrupted, a full disk, or a file of another kind",
            error.remedy or "write these maps again, or remove them: depth is optional",
            None if target is None else strip([named("the image of such a map", target)], across=1),
        ),
    )  # fmt: skip


def depth_coverage(footage: Footage) -> Result:
    """Depth is known for enough pixels, and is not one number everywhere."""
    maps = depth_maps(footage)
    if not maps:
        return not_looked(NO_DEPTH)
    shares = [float((depth > 0).mean()) for _, depth in maps]
    spreads = [float(np.log(depth[depth > 0]).std()) for _, depth in maps if (depth > 0).sum() > 10]
    share, spread = float(np.median(shares)), float(np.median(spreads)) if spreads else 0.0
    seen = f"{share:.1%} of the pixels known, log depth spreads by {spread:.2f}"
    if share >= LEAST_COVERAGE and spread >= LEAST_SPREAD:
        return good(seen)
    moment, depth = maps[len(maps) // 2]
    empty = share < LEAST_COVERAGE
    return bad(
        seen,
        Finding(
            "depth_coverage", "error", 100 * share if empty else spread, "% of the pixels" if empty else "of log depth",
            f"at least {LEAST_COVERAGE:.1%} of the pixels, spreading by {LEAST_SPREAD:g} or more", seen,
            "maps of another camera, a wrong invalid value, or a projection that misses the image" if empty
            else "an empty export, or a mask saved as depth",
            "open one map and compare it with its image; write 0 where depth is unknown", show_map(moment, depth),
        ),
    )  # fmt: skip


def depth_limit(footage: Footage) -> Result:
    """'Unknown' is 0, not the largest number of the file."""
    maps = depth_maps(footage)
    if not maps:
        return not_looked(NO_DEPTH)
    known = np.concatenate([depth[depth > 0] for _, depth in maps] or [np.zeros(0)])
    if known.size < 100:
        return not_looked("hardly any depth")
    limit = float(known.max())
    share = float((known == limit).mean())
    rest = float(np.quantile(known[known < limit], 0.95)) if share < 1 else limit
    seen = f"{share:.1%} of the known pixels are at the largest depth, {limit:.4g} m"
    if share <= MOST_AT_LIMIT or limit < 1.5 * rest:
        return good(seen)
    moment, depth = max(maps, key=lambda entry: float((entry[1] == limit).mean()))
    return bad(
        seen,
        Finding(
            "depth_limit", "warning", 100 * share, "% of the known pixels",
            f"at most {MOST_AT_LIMIT:.0%} at one largest value",
            f"{seen}; 95% of the others are below {rest:.4g} m",
            "the file's code for 'unknown' (65535, or the far plane of a renderer) was read as a depth",
            "write 0 where depth is unknown", show_map(moment, np.where(depth == limit, 0, depth)),
        ),
    )  # fmt: skip


def depth_unit(footage: Footage) -> Result:
    """The maps agree with stereo, or with poses; without either, they are possible."""
    maps = depth_maps(footage)
    if not maps:
        return not_looked(NO_DEPTH)
    by_stereo, by_poses = map_over_stereo(footage), poses_over_map(footage)
    if by_stereo is None and by_poses is None:
        return _possible_depth(maps)
    ratio = by_stereo if by_stereo is not None else 1 / (by_poses or 1.0)
    seen = f"{ratio:.3g} times the depth by {'stereo' if by_stereo is not None else 'poses'}"
    if agrees(ratio) or agrees(by_poses):
        return good(seen if agrees(ratio) else f"{seen}, but the poses agree with them (see baseline)")
    moment, depth = maps[len(maps) // 2]
    return bad(
        seen,
        Finding(
            "depth_unit", "error" if not 0.67 < ratio < 1.5 else "warning", ratio, "times as deep",
            f"{1 / MOST_APART:.2f} to {MOST_APART:.2f} times that depth", f"the maps are {seen}",
            describe_factor(ratio, MAP_FACTORS),
            f"divide the depth maps by {ratio:.4g}, or correct the baseline and focal length if those are wrong",
            show_map(moment, depth),
        ),
    )  # fmt: skip


def _possible_depth(maps: list[tuple[Moment, np.ndarray]]) -> Result:
    middle = float(np.median([np.median(depth[depth > 0]) for _, depth in maps if (depth > 0).any()] or [0.0]))
    seen = f"the median depth is {middle:.3g} m; neither stereo nor poses to compare with"
    if NEAREST_MEDIAN <= middle <= FARTHEST_MEDIAN or middle == 0:
        return good(seen)
    moment, depth = maps[len(maps) // 2]
    return bad(
        seen,
        Finding(
            "depth_unit", "error", middle, "metres",
            f"a median depth between {NEAREST_MEDIAN:g} and {FARTHEST_MEDIAN:g} m", seen,
            "millimetres or centimetres read as metres" if middle > 1 else "metres that were divided by 1000",
            "find out by which number the files count a metre (1000: millimetres, 5000: TUM, 256: KITTI)",
            show_map(moment, depth),
        ),
    )  # fmt: skip


def depth_maps(footage: Footage) -> list[tuple[Moment, np.ndarray]]:
    """Those that somebody measured and stored; the points of a reconstruction have no unit and were never a file."""
    measured = [moment for moment in footage.moments if not moment.reader.source.depth_up_to_scale]
    return [(moment, moment.depth) for moment in measured if moment.depth is not None]


def show_map(moment: Moment, depth: np.ndarray) -> np.ndarray:
    drawn = draw_depth(depth, moment.target.width, moment.target.height)
    return strip([named("image", moment.target), ("its depth, near is bright", drawn)])
