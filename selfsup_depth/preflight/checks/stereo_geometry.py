"""Rectification, brightness and sharpness of stereo pairs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.preflight.checks.sharpness import sharpness
from selfsup_depth.preflight.checks.stereo_sides import NO_STEREO, NOT_CALIBRATED, SIDES_RIGHT, calibrated, many
from selfsup_depth.preflight.drawing import draw_arrows, named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage
from selfsup_depth.preflight.views import Picture

#: Pixels across the baseline in pictures about 500 wide, median of a pair's matches. Good pairs: 0.03 to 0.20 (the
#: worst of 141 of KITTI 2012), which is mostly the matching itself; 0.3 degrees of roll give 0.6, 0.7 degrees 1.2.
MOST_ACROSS, HOPELESS_ACROSS = 0.5, 1.5
#: The same of the offsets with their sign, median of all pairs, in which the errors of matching cancel: 0.00 to 0.07 in
#: the good sets (up to 0.15 of any four of their pairs); a pixel of KITTI's 1241 makes 0.32.
MOST_OFFSET = 0.22
#: Factor of brightness, median of the pairs: 1.00 to 1.04 in KITTI's sets, where the worst of 141 pairs has 1.19.
MOST_GAIN = 1.12
#: Factor of sharpness (variance of the Laplacian) between the two cameras: KITTI's pairs 0.82 to 1.31.
MOST_BLUR = 2.5
NO_MATCHES = "no pair that shows one scene"


def rectification(footage: Footage) -> Result:
    """Corresponding points lie on one image row (across the baseline nothing moves)."""
    moments = calibrated(footage)
    if not moments:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    all_pairs = [(moment, d, float(d.across.abs().median())) for moment in moments if (d := moment.disparities)]
    common = float(np.median([float(d.across.median()) for _, d, _ in all_pairs]))
    usual = float(np.median([across for _, _, across in all_pairs]))
    width = moments[0].target.width
    seen = f"{usual:.2f} pixels across the baseline, {common:+.2f} with their sign, in pictures {width} wide"
    odd = [entry for entry in all_pairs if entry[2] > MOST_ACROSS]
    if not many(len(odd), len(all_pairs)):
        if abs(common) <= MOST_OFFSET:
            return good(seen)
        odd = all_pairs
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
            f"at most {MOST_ACROSS * scale:.1f} pixels between the rows of corresponding points, and "
            f"{MOST_OFFSET * scale:.1f} that all pairs have in common",
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


def _left_and_right(footage: Footage) -> list[tuple[Picture, Picture, Tensor]]:
    """Both pictures of the pairs that show one scene, and how much brighter the right one is ([3] logarithms)."""
    found = []
    for moment in footage.stereo:
        pair = moment.stereo
        if pair is not None and pair.shows_the_same:
            is_right = moment.item.side in SIDES_RIGHT
            found.append((pair.second, pair.first, -pair.gain) if is_right else (pair.first, pair.second, pair.gain))
    return found
