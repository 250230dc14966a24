"""Depth maps: are they decoded as they were stored?"""

from __future__ import annotations

import numpy as np

from selfsup_depth.preflight.checks.depth_values import NO_DEPTH, depth_maps, show_map
from selfsup_depth.preflight.checks.depth_witnesses import EXPLAINED, MOST_SPREAD, Witnessed, inverted, witnessed
from selfsup_depth.preflight.drawing import draw_depth, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage, Moment

#: Numbers that files count a metre by: millimetres, TUM, KITTI, tenths of a millimetre.
COUNTS = (1000, 5000, 256, 10000)
#: Part of neighbouring pixels whose depths differ by more than 15 %: at most 0.06 in KITTI, drive and rooms; 0.87 of a
#: map whose lowest three bits became its highest ones.
ROUGH, SMOOTH = 0.4, 0.2
#: Different values in all maps of which 8-bit numbers have no more, and how often each of them occurs at least.
MOST_COARSE, FEW_OF_A_LEVEL = 256, 20


def depth_encoding(footage: Footage) -> Result:
    """Depth, not its inverse, of more than 8 bits, with its bits in order (SUN3D stores them turned by three)."""
    maps = depth_maps(footage)
    points = witnessed(footage)
    if points is not None and points.spread() > MOST_SPREAD and points.spread(inverted) <= EXPLAINED * points.spread():
        return bad(f"the maps are inverse to depth by {points.name}", _inverse(maps[len(maps) // 2], points))
    if (coarse := _coarse(maps)) is not None:
        return coarse
    counted = [(moment, depth, raw) for moment, depth in maps if (raw := _raw_values(depth)) is not None]
    if not counted:
        return not_looked(NO_DEPTH if not maps else "the maps are not made of 16-bit numbers")
    raws = [raw for _, _, raw in counted]
    rough = float(np.median([_roughness(raw) for raw in raws]))
    rough_left = float(np.median([_roughness(_turned_left(raw)) for raw in raws]))
    eighths = float(np.mean([(raw[raw > 0] & 7 == 0).mean() for raw in raws]))
    step = np.gcd.reduce(np.concatenate([raw[(raw > 0) & (raw & 7 == 0)] for raw in raws]))  # 1000: whole metres
    seen = f"{rough:.0%} of neighbouring depths differ by 15%; {eighths:.0%} are multiples of 8"
    needless, missing = rough > ROUGH and rough_left < SMOOTH, eighths > 0.9 and step == 8
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
            strip([("as read", _drawn(depth, moment)), ("with the bits turned", _drawn(fixed, moment))]),
        ),
    )  # fmt: skip


def _inverse(shown: tuple[Moment, np.ndarray], points: Witnessed) -> Finding:
    return Finding(
        "depth_encoding", "error", points.spread(), "spread of log depth",
        f"maps that are deep where {points.name} is, within {MOST_SPREAD:g} of log depth",
        f"the maps are near where depth by {points.name} is far; inverted they fit it (spread {points.spread():.2f}, "
        f"then {points.spread(inverted):.3f})",
        "disparity or inverse depth that was stored as depth",
        "convert the maps: depth is focal length (pixels) * baseline / disparity, or 1 / inverse depth",
        show_map(*shown),
    )  # fmt: skip


def _coarse(maps: list[tuple[Moment, np.ndarray]]) -> Result | None:
    """Maps whose values were 8-bit numbers once; None: they are finer, or too few to tell."""
    known = np.concatenate([depth[depth > 0].ravel() for _, depth in maps] or [np.zeros(0)])
    levels = np.unique(known)
    if len(levels) < 2 or len(levels) > MOST_COARSE or known.size < FEW_OF_A_LEVEL * len(levels):
        return None
    steps = np.diff(levels)
    step = float(np.median(steps))
    if float(np.median(np.abs(steps / step - np.rint(steps / step)))) > 0.02 or levels[-1] > 1.01 * MOST_COARSE * step:
        return None
    seen = f"only {len(levels)} different depths in steps of {step:.3g} m"
    return bad(
        seen,
        Finding(
            "depth_encoding", "error", len(levels), "different depths", f"more than {MOST_COARSE} of them", seen,
            "depth that was scaled to 8 bits, to be looked at, before it was stored",
            "export the maps anew with 16 bits (metres * 256, or millimetres) from what the sensor or renderer gave",
            show_map(*maps[len(maps) // 2]),
        ),
    )  # fmt: skip


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


def _drawn(depth: np.ndarray, moment: Moment) -> np.ndarray:
    return draw_depth(depth, moment.target.width, moment.target.height)
