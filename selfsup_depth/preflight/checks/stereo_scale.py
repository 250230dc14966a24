"""What the disparities of stereo pairs say of the baseline and of the depth range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.preflight.checks.agreement import agrees, map_over_stereo, poses_over_map, poses_over_stereo
from selfsup_depth.preflight.checks.stereo_sides import NO_STEREO, NOT_CALIBRATED, calibrated
from selfsup_depth.preflight.disparities import Disparities
from selfsup_depth.preflight.drawing import draw_arrows
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage

#: Metres. Endoscopes have 0.004, phones 0.01, the widest driving rigs (KITTI, DrivingStereo) 0.54.
SHORTEST_BASELINE, LONGEST_BASELINE = 0.003, 1.5
#: Metres: the nearest twentieth of what a camera sees. KITTI 5 to 7, rooms 0.7, an endoscope 0.03.
NEAREST_TOO_FAR, NEAREST_TOO_NEAR = 60.0, 0.01
#: Part of the matched points outside --min_depth to --max_depth; on KITTI 4.5 % have no measurable disparity.
MOST_NEARER, MOST_FARTHER = 0.02, 0.25
#: Slips of a baseline: what it has to be multiplied by for metres -> what it was in; and the nearest things, in metres,
#: of a scene of which somebody wants depth.
SLIPS = {
    0.001: "millimetres", 0.01: "centimetres", 0.1: "the unit of published code, which says 5.4 for 0.54 m",
    1000.0: "kilometres, or divided by 1000 twice",
}  # fmt: skip
NEAREST = (0.1, 30.0)


def baseline(footage: Footage) -> Result:
    """The distance of the cameras, and the depths that it makes of the disparities, are possible ones."""
    found = _disparities(footage)
    if found is None:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    metres, depth, along, focal = found
    nearest, median = float(np.quantile(depth, 0.05)), float(np.median(depth))
    seen = f"baseline {metres:g} m; disparities make {nearest:.3g} m of the nearest and {median:.3g} m of the middle"
    if not SHORTEST_BASELINE <= metres <= LONGEST_BASELINE or not NEAREST_TOO_NEAR <= nearest <= NEAREST_TOO_FAR:
        words = f"by which {np.median(along):.1f} pixels of disparity at fx = {focal:.0f} are {median:.3g} m"
        return bad(seen, _impossible_baseline(footage, metres, nearest, words))
    ratio = map_over_stereo(footage)
    if ratio is None or agrees(ratio) or not agrees(poses_over_map(footage)):
        return good(seen)
    return bad(
        seen,
        Finding(
            "baseline", "error" if not 0.67 < ratio < 1.5 else "warning", metres, "metres",
            f"about {metres * ratio:.3g} m",
            f"depth maps and poses agree, and are {ratio:.3g} times as deep as stereo with {metres:g} m",
            "the baseline of another rig, or a nominal one (0.1, 0.54)",
            f"measure from lens to lens: {metres * ratio:.3g} m would agree", _disparity_picture(footage),
        ),
    )  # fmt: skip


def _impossible_baseline(footage: Footage, metres: float, nearest: float, words: str) -> Finding:
    """Which slips would make a possible rig in a possible scene of this."""
    guesses = [
        f"{what} ({metres * factor:.3g} m; the nearest things are then at {nearest * factor:.3g} m)"
        for factor, what in SLIPS.items()
        if SHORTEST_BASELINE <= metres * factor <= LONGEST_BASELINE and NEAREST[0] <= nearest * factor <= NEAREST[1]
    ]
    witnesses = (map_over_stereo(footage), "the depth maps"), (poses_over_stereo(footage), "the poses")
    told = [f"{metres * ratio:.3g} m would agree with {whose}" for ratio, whose in witnesses if ratio is not None]
    both = not 0.0005 < metres < 20 or metres > LONGEST_BASELINE and nearest > NEAREST_TOO_FAR
    return Finding(
        "baseline", "error" if both else "warning", metres, "metres",
        f"{SHORTEST_BASELINE:g} to {LONGEST_BASELINE:g} m, and the nearest things within {NEAREST_TOO_FAR:.0f} m",
        f"{metres:g} m, {words}",
        f"a baseline in {'; or in '.join(guesses)}" if guesses else "a baseline in another unit than metres, or images "
        "of another rig",
        "; ".join(["give the distance from lens to lens in metres", *told]), _disparity_picture(footage),
    )  # fmt: skip


def _disparity_picture(footage: Footage, wrong: Callable[[Disparities], Tensor] | None = None) -> np.ndarray:
    """The disparities of the pair that has most of them, with those in red that `wrong` marks."""
    moment = max(calibrated(footage), key=lambda m: 0 if m.disparities is None else len(m.disparities.along))
    d = moment.disparities
    assert d is not None  # of a calibrated pair
    arrows = torch.stack([-d.along, torch.zeros_like(d.along)], dim=1)
    caption = f"disparities, up to {float(d.along.max()):.0f} pixels here" + ("; red: out of range" if wrong else "")
    return draw_arrows(moment.target, d.points, arrows, caption, wrong=wrong(d) if wrong else None)


def depth_range(footage: Footage) -> Result:
    """What the pairs show lies between --min_depth and --max_depth."""
    found = _disparities(footage)
    if found is None or footage.depth_range is None:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    metres, depth, _, _ = found
    low, high = (bound * 10 * metres for bound in footage.depth_range)
    nearer, farther = float((depth < low).mean()), float((depth > high).mean())
    seen = f"{nearer:.1%} nearer than {low:.3g} m, {farther:.1%} farther than {high:.3g} m"
    if nearer <= MOST_NEARER and farther <= MOST_FARTHER:
        return good(seen)
    near, far = (float(1 / np.quantile(1 / depth, part)) / (10 * metres) for part in (0.995, 0.1))
    is_near = nearer > MOST_NEARER
    return bad(
        seen,
        Finding(
            "depth_range", "warning", 100 * (nearer if is_near else farther), "% of the points",
            f"at most {MOST_NEARER:.0%} nearer and {MOST_FARTHER:.0%} farther than the range",
            f"{seen}; one unit is ten baselines, {10 * metres:.3g} m",
            "a depth range meant for other scenes (rooms and streets differ by 10 times)",
            f"--min_depth {0.7 * near:.2g}" if is_near else f"--max_depth {2 * far:.2g}",
            _disparity_picture(footage, lambda d: (d.depth_m < low) if is_near else (d.depth_m > high)),
        ),
    )  # fmt: skip


def _disparities(footage: Footage) -> tuple[float, np.ndarray, np.ndarray, float] | None:
    """Median baseline (m), depths (m) and disparities (pixels) of all matches, and the focal length.

    Depths of points without disparity are 1e6 m.
    """
    found = [moment.disparities for moment in calibrated(footage) if moment.disparities is not None]
    if not found:
        return None
    depth = np.concatenate([d.depth_m.clamp(max=1e6).numpy() for d in found])
    along = np.concatenate([d.along.numpy() for d in found])
    return float(np.median([d.baseline_m for d in found])), depth, along, found[0].focal
