"""Rectification, brightness and sharpness of pairs; what their disparities say of baseline and depth range."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.preflight.checks.agreement import agrees, map_over_stereo, poses_over_map
from selfsup_depth.preflight.checks.sharpness import sharpness
from selfsup_depth.preflight.checks.stereo_sides import NO_STEREO, NOT_CALIBRATED, calibrated, many
from selfsup_depth.preflight.drawing import draw_arrows, named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage
from selfsup_depth.preflight.views import Picture

#: Pixels across the baseline in pictures about 500 wide, median of a pair's matches. Good pairs: 0.03 to 0.20 (the
#: worst of 141 of KITTI 2012), which is mostly the matching itself; 0.3 degrees of roll give 0.6, 0.7 degrees 1.2.
MOST_ACROSS, HOPELESS_ACROSS = 0.5, 1.5
#: Factor of brightness, median of the pairs: 1.00 to 1.04 in KITTI's sets, where the worst of 141 pairs has 1.19.
MOST_GAIN = 1.12
#: Factor of sharpness (variance of the Laplacian) between the two cameras: KITTI's pairs 0.82 to 1.31.
MOST_BLUR = 2.5
#: Metres. Endoscopes have 0.004, phones 0.01, the widest driving rigs (KITTI, DrivingStereo) 0.54.
SHORTEST_BASELINE, LONGEST_BASELINE = 0.003, 1.5
#: Metres: the nearest twentieth of what a camera sees. KITTI 5 to 7, rooms 0.7, an endoscope 0.03.
NEAREST_TOO_FAR, NEAREST_TOO_NEAR = 60.0, 0.01
#: Part of the matched points outside --min_depth to --max_depth; on KITTI 4.5 % have no measurable disparity.
MOST_NEARER, MOST_FARTHER = 0.02, 0.25
NO_MATCHES = "no pair that shows one scene"
SIDES_RIGHT = ("r", "3")  # as split lines call the right camera


def rectification(footage: Footage) -> Result:
    """Corresponding points lie on one image row (across the baseline nothing moves)."""
    moments = calibrated(footage)
    if not moments:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    all_pairs = [(moment, d, float(d.across.abs().median())) for moment in moments if (d := moment.disparities)]
    seen = f"{np.median([across for _, _, across in all_pairs]):.2f} pixels across the baseline"
    seen += f", in pictures {moments[0].target.width} wide"
    odd = [entry for entry in all_pairs if entry[2] > MOST_ACROSS]
    if not many(len(odd), len(all_pairs)):
        return good(seen)
    offset, turn = np.median([d.across_model() for _, d, _ in odd], axis=0)
    worst, d, _ = max(odd, key=lambda entry: entry[2])
    scale = worst.target.stored_size[0] / worst.target.width
    number = float(np.median([across for _, _, across in odd]))
    arrows = torch.stack([torch.zeros_like(d.across), -d.across], dim=1)
    picture = draw_arrows(worst.target, d.points, arrows, "across the baseline, 5 times as long", longer=5.0)
    return bad(
        seen,
        Finding(
            "rectification", "error" if number > HOPELESS_ACROSS else "warning", number * scale, "pixels",
            f"at most {MOST_ACROSS * scale:.1f} pixels between the rows of corresponding points",
            f"they are {number * scale:.1f} pixels apart in {len(odd)} of {len(all_pairs)} pairs: an offset of "
            f"{offset * scale:+.1f} and a turn of {turn:+.2f} degrees explain most; worst in {worst.target.place}",
            "pairs that were not rectified, a calibration that no longer holds, images cropped or resized differently",
            "calibrate the rig and rectify the pairs (prepare_data.py with the calibration of both cameras)", picture,
        ),
    )  # fmt: skip


def stereo_exposure(footage: Footage) -> Result:
    """The same point is equally bright in both images."""
    pairs = _left_and_right(footage)
    if not pairs:
        return not_looked(NO_STEREO if not footage.stereo else NO_MATCHES)
    factors = np.exp(np.median([gain.numpy() for _, _, gain in pairs], axis=0))
    factor = float(factors[np.abs(np.log(factors)).argmax()])
    seen = "factors " + ", ".join(f"{value:.3f}" for value in factors) + " (red, green, blue)"
    if 1 / MOST_GAIN <= factor <= MOST_GAIN:
        return good(seen)
    return bad(
        seen,
        Finding(
            "stereo_exposure", "warning", factor, "times as bright",
            f"factors between {1 / MOST_GAIN:.2f} and {MOST_GAIN:.2f}",
            f"the right camera shows the same points {factor:.2f} times as bright ({seen})",
            "cameras with exposure, gain or white balance of their own",
            "lock exposure and white balance of both cameras to each other; for old footage multiply one side by "
            f"{1 / factor:.2f}",
            strip([named("left", pairs[0][0]), named("right", pairs[0][1])]),
        ),
    )  # fmt: skip


def stereo_sharpness(footage: Footage) -> Result:
    """Both cameras are in focus."""
    pairs = _left_and_right(footage)
    if not pairs:
        return not_looked(NO_STEREO if not footage.stereo else NO_MATCHES)
    factor = float(np.exp(np.median([np.log(sharpness(b.grey) / sharpness(a.grey)) for a, b, _ in pairs])))
    seen = f"the right camera is {factor:.2f} times as sharp as the left one"
    if 1 / MOST_BLUR <= factor <= MOST_BLUR:
        return good(seen)
    return bad(
        seen,
        Finding(
            "stereo_sharpness", "warning", factor, "times as sharp", f"at most {MOST_BLUR:g} times",
            f"{seen} (variance of the Laplacian)",
            "one lens is out of focus or dirty, or one side was compressed harder",
            "focus and clean both lenses; for old footage blur the sharper side alike",
            strip([named("left", pairs[0][0]), named("right", pairs[0][1])]),
        ),
    )  # fmt: skip


def baseline(footage: Footage) -> Result:
    """The distance of the cameras, and the depths that it makes of the disparities, are possible ones."""
    found = _disparities(footage)
    if found is None:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    metres, depth, along, focal = found
    nearest, median = float(np.quantile(depth, 0.05)), float(np.median(depth))
    seen = f"baseline {metres:g} m; disparities make {nearest:.3g} m of the nearest and {median:.3g} m of the middle"
    too_long = metres > LONGEST_BASELINE or nearest > NEAREST_TOO_FAR
    if too_long or metres < SHORTEST_BASELINE or nearest < NEAREST_TOO_NEAR:
        words = f"by which {np.median(along):.1f} pixels of disparity at fx = {focal:.0f} are {median:.3g} m"
        return bad(seen, _impossible_baseline(metres, words, too_long=too_long))
    ratio = map_over_stereo(footage)
    if ratio is None or agrees(ratio) or not agrees(poses_over_map(footage)):
        return good(seen)
    return bad(
        seen,
        Finding(
            "baseline", "error" if not 0.67 < ratio < 1.5 else "warning", metres, "metres",
            f"about {metres * ratio:.3g} m",
            f"depth maps and poses agree, and are {ratio:.3g} times as deep as stereo with {metres:g} m",
            "the baseline of another rig, or a nominal one (0.1, 0.54)", "measure the distance of the lenses",
        ),
    )  # fmt: skip


def _impossible_baseline(metres: float, words: str, *, too_long: bool) -> Finding:
    long_cause = "millimetres or centimetres, the factor 5.4 of published code, or another unit than metres"
    in_metres = "give the distance of the lenses in metres"
    return Finding(
        "baseline", "error" if not 0.0005 < metres < 20 else "warning", metres, "metres",
        f"{SHORTEST_BASELINE:g} to {LONGEST_BASELINE:g} m, and the nearest things within {NEAREST_TOO_FAR:.0f} m",
        f"{metres:g} m, {words}",
        f"a baseline in {long_cause if too_long else 'kilometres, or divided by 1000 twice'}",
        f"{in_metres} ({metres / 1000:g} if this was millimetres, {metres / 100:g} if centimetres)" if too_long
        else in_metres,
    )  # fmt: skip


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
        ),
    )  # fmt: skip


def _left_and_right(footage: Footage) -> list[tuple[Picture, Picture, Tensor]]:
    """Both pictures of the pairs that show one scene, and how much brighter the right one is ([3] logarithms)."""
    found = []
    for moment in footage.stereo:
        pair = moment.stereo
        if pair is not None and pair.shows_the_same:
            is_right = moment.item.side in SIDES_RIGHT
            found.append((pair.second, pair.first, -pair.gain) if is_right else (pair.first, pair.second, pair.gain))
    return found


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
