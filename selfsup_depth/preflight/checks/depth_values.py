"""Depth maps: do they say metres, of more than a few pixels, as they were meant to be decoded?"""

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
from selfsup_depth.preflight.drawing import as_array, draw_depth, named, strip
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
#: Numbers that files count a metre by: millimetres, TUM, KITTI, tenths of a millimetre.
COUNTS = (1000, 5000, 256, 10000)
#: Part of neighbouring pixels whose depths differ by more than 15 %: at most 0.06 in KITTI, drive and rooms; 0.87 of a
#: map whose lowest three bits became its highest ones.
ROUGH, SMOOTH = 0.4, 0.2


def depth_readable(footage: Footage) -> Result:
    """Every sampled map can be read."""
    broken, maps = footage.unreadable_depth, _maps(footage)
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
    maps = _maps(footage)
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
            "open one map and compare it with its image; write 0 where depth is unknown", _shown(moment, depth),
        ),
    )  # fmt: skip


def depth_limit(footage: Footage) -> Result:
    """'Unknown' is 0, not the largest number of the file."""
    maps = _maps(footage)
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
            "write 0 where depth is unknown", _shown(moment, np.where(depth == limit, 0, depth)),
        ),
    )  # fmt: skip


def depth_encoding(footage: Footage) -> Result:
    """16-bit values were neither left rotated by three bits (SUN3D stores them so) nor rotated without need."""
    maps = _maps(footage)
    counted = [(moment, depth, raw) for moment, depth in maps if (raw := _raw_values(depth)) is not None]
    if not counted:
        return not_looked(NO_DEPTH if not maps else "the maps are not made of 16-bit numbers")
    raws = [raw for _, _, raw in counted]
    rough = float(np.median([_roughness(raw) for raw in raws]))
    rough_left = float(np.median([_roughness(_turned_left(raw)) for raw in raws]))
    eighths = float(np.mean([(raw[raw > 0] & 7 == 0).mean() for raw in raws]))
    seen = f"{rough:.0%} of neighbouring depths differ by 15%; {eighths:.0%} are multiples of 8"
    needless, missing = rough > ROUGH and rough_left < SMOOTH, eighths > 0.9
    if not (needless or missing):
        return good(seen)
    moment, depth, raw = counted[0]
    fixed = (_turned_left(raw) if needless else _turned_right(raw)).astype(np.float32)
    return bad(
        seen,
        Finding(
            "depth_encoding", "error", 100 * (rough if needless else eighths), "% of the pixels",
            "smooth depth in plain 16-bit numbers",
            f"{seen}; {'turned back' if needless else 'turned right'} by three bits the maps are as expected",
            "plain depth was decoded as SUN3D's, whose lowest three bits are stored as its highest" if needless else
            "SUN3D's files, read as plain numbers: they are stored turned left by three bits, 8 times too large",
            "read the files as plain 16-bit millimetres" if needless else "turn the 16-bit values right by three bits: "
            "(v >> 3) | (v << 13)",
            strip([("as read", _small(depth, moment)), ("with the bits turned", _small(fixed, moment))]),
        ),
    )  # fmt: skip


def depth_unit(footage: Footage) -> Result:
    """The maps agree with stereo, or with poses; without either, they are possible."""
    maps = _maps(footage)
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
            _shown(moment, depth),
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
            _shown(moment, depth),
        ),
    )  # fmt: skip


def _maps(footage: Footage) -> list[tuple[Moment, np.ndarray]]:
    """Those that somebody measured and stored; the points of a reconstruction have no unit and were never a file."""
    measured = [moment for moment in footage.moments if not moment.reader.source.depth_up_to_scale]
    return [(moment, moment.depth) for moment in measured if moment.depth is not None]


def _raw_values(depth: np.ndarray) -> np.ndarray | None:
    """The 16-bit numbers [h, w] that a map was decoded from, where it was."""
    known = depth[depth > 0].astype(np.float64)
    if known.size < 1000:
        return None
    for count in COUNTS:
        values = known * count
        if np.abs(values - np.rint(values)).max() < 0.02 + 1e-6 * values.max() and values.max() < 65536:
            return np.rint(depth.astype(np.float64) * count).astype(np.int64)
    return None


def _turned_left(raw: np.ndarray) -> np.ndarray:
    return ((raw << 3) | (raw >> 13)) & 0xFFFF


def _turned_right(raw: np.ndarray) -> np.ndarray:
    return ((raw >> 3) | (raw << 13)) & 0xFFFF


def _roughness(raw: np.ndarray) -> float:
    left, right = raw[:, :-1].astype(np.float64), raw[:, 1:].astype(np.float64)
    known = (left > 0) & (right > 0)
    if known.sum() < 500:
        return 0.0
    return float((np.abs(left - right)[known] > 0.15 * np.maximum(left, right)[known]).mean())


def _small(depth: np.ndarray, moment: Moment) -> np.ndarray:
    return draw_depth(depth, moment.target.width, moment.target.height)


def _shown(moment: Moment, depth: np.ndarray) -> np.ndarray:
    return strip([("image", as_array(moment.target)), ("its depth, near is bright", _small(depth, moment))])
