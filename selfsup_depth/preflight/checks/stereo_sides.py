"""Which picture of a pair is which: equal, mirrored, of another moment, or swapped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from selfsup_depth.preflight.drawing import draw_matches, named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import LEAST_SHARE, Footage, Moment, Pair
from selfsup_depth.preflight.matching import match

NO_STEREO = "no stereo partner is asked for (--use_stereo)"
NOT_CALIBRATED = "no pair with calibration that shows one scene"
#: Grey levels (0 to 255) between left and right: two exposures of the same view differ by 2 or more through noise
#: and compression alone; KITTI's pairs by 16 and more.
EQUAL = 0.5
#: A disparity of less says nothing of its sign: matches are good to 0.1 pixel, far points have none.
SIGNED = 1.5
SIDES_RIGHT = ("r", "3")  # as split lines call the right camera
#: Part of a pair's signed disparities with the wrong sign: at most 0.032 in the good data sets (141 KITTI pairs among
#: them); all of them where sides are exchanged, a third where the partner is a frame late.
MOST_WRONG, SWAPPED = 0.15, 0.6
TURNS: dict[str, Callable[[Tensor], Tensor]] = {
    "mirrored left to right": lambda grey: grey.flip(1),
    "upside down": lambda grey: grey.flip(0, 1),
    "mirrored top to bottom": lambda grey: grey.flip(0),
}


def stereo_identical(footage: Footage) -> Result:
    """The two images of a pair differ."""
    moments = footage.stereo
    if not moments:
        return not_looked(NO_STEREO)
    pairs = [moment.stereo for moment in moments if moment.stereo is not None]
    equal = [pair for pair in pairs if pair.difference < EQUAL]
    seen = f"they differ by {np.median([pair.difference for pair in pairs]):.1f} of 255 grey levels"
    if not equal:
        return good(seen)
    return bad(
        seen,
        Finding(
            "stereo_identical", "error", equal[0].difference, "grey levels", "left and right to differ",
            f"{len(equal)} of {len(pairs)} pairs are the same image twice, for example {equal[0].first.place}",
            "one camera copied over the other, or the same video given twice",
            "give the images of the right camera; with one camera leave out --use_stereo",
            strip([named("left", equal[0].first), named("right", equal[0].second)]),
        ),
    )  # fmt: skip


def stereo_orientation(footage: Footage) -> Result:
    """The partner shows the same scene, the same way up."""
    moments = footage.stereo
    if not moments:
        return not_looked(NO_STEREO)
    pairs = [moment.stereo for moment in moments if moment.stereo is not None]
    lost = [pair for pair in pairs if not pair.shows_the_same]
    seen = f"{np.median([pair.matches.share for pair in pairs]):.0%} of the points are found again in the partner"
    if not many(len(lost), len(pairs)):
        return good(seen)
    share = float(np.median([pair.matches.share for pair in lost]))
    pair = sorted(lost, key=lambda pair: pair.matches.share)[len(lost) // 2]
    turned = {how: match(pair.first.grey, turn(pair.second.grey)).share for how, turn in TURNS.items()}
    how, best = max(turned.items(), key=lambda entry: entry[1])
    picture = strip([named("target", pair.first), named("its partner", pair.second)])
    if best > max(LEAST_SHARE, 2 * share):
        found = f"in {len(lost)} of {len(pairs)} pairs only {share:.0%}, but {best:.0%} when the partner is {how}"
        cause, remedy = f"one camera's images are {how}", "turn that camera's images back, and keep its calibration"
    else:
        found = f"in {len(lost)} of {len(pairs)} pairs only {share:.0%} of a target's points are in its partner"
        cause, remedy = (
            ("a --stereo_layout that the video does not have, a second video of another recording, or too dark",
             "look at the picture of the pair: leave out --stereo_layout if each frame of the video is one picture")
            if footage.is_video else
            ("the pairs are not of the same moment or place (numbers shifted after a dropped frame), or too dark",
             "look at the picture of the pair, and rename the images so that a pair has one name")
        )  # fmt: skip
    return bad(
        seen,
        Finding(
            "stereo_orientation", "error", 100 * share, "% of the points",
            f"at least {LEAST_SHARE:.0%} of the points in both images", found, cause, remedy, picture,
        ),
    )  # fmt: skip


def stereo_sides(footage: Footage) -> Result:
    """What is near is farther left in the right image: the sign of the disparity is that of the baseline."""
    moments = calibrated(footage)
    if not moments:
        return not_looked(NO_STEREO if not footage.stereo else NOT_CALIBRATED)
    odd = [moment for moment in moments if _wrong(moment) > MOST_WRONG]
    seen = f"{np.median([_wrong(moment) for moment in moments]):.1%} of the disparities have the wrong sign"
    if not many(len(odd), len(moments)):
        return good(seen)
    wrong = float(np.median([_wrong(moment) for moment in odd]))
    worst = max(moments, key=_wrong)
    assert worst.stereo is not None and worst.disparities is not None
    picture = draw_matches(worst.stereo, worst.disparities.along < 0, ("target", "partner; red: wrong sign"))
    cause, remedy = (
        ("cameras that look towards each other, images cropped differently, or wrong principal points",
         "rectify the pairs (prepare_data.py), and give each camera its own principal point")
        if wrong <= SWAPPED else
        ("the left and right images are exchanged (by the calibration the right camera is on the right), or those of "
         "both cameras are mirrored", "exchange the folders (or videos) of left and right")
        if _right_is_on_the_right(worst) else
        ("the baseline has the wrong sign: by the calibration, not by the images, the right camera is to the left of "
         "the left one", "turn the sign of the baseline: x of the motion from left to right is negative, as OpenCV's T")
    )  # fmt: skip
    return bad(
        seen,
        Finding(
            "stereo_sides", "error", 100 * wrong, "% of the disparities", "disparities of one sign",
            f"{wrong:.0%} of those above {SIGNED:g} pixels have the wrong sign in {len(odd)} of {len(moments)} pairs, "
            f"for example in {worst.target.place}",
            cause, remedy, picture,
        ),
    )  # fmt: skip


def stereo_timing(footage: Footage) -> Result:
    """A left image matches the right one of its own moment better than that of the neighbouring frames."""
    moments = calibrated(footage)
    timed = [(m, across) for m in moments[:: max(1, len(moments) // 8)] if (across := _across_by_offset(m))]
    if not timed:
        return not_looked(NO_STEREO if not footage.stereo else "no pair with neighbours in time")
    now = float(np.median([across[0] for _, across in timed]))
    seen = f"{now:.2f} pixels beside the epipolar line at the same moment"
    offset = None if now < BESIDE else _better_offset([across for _, across in timed])
    if offset is None:
        return good(seen)
    then = float(np.median([across[offset] for _, across in timed if offset in across]))
    pair = next(moment.stereo for moment, across in timed if offset in across)
    assert pair is not None
    frames = f"{abs(offset)} {'frame' if abs(offset) == 1 else 'frames'} {'later' if offset > 0 else 'earlier'}"
    return bad(
        seen,
        Finding(
            "stereo_timing", "error", now, "pixels",
            "the partner of the same moment to fit best",
            f"matches are {now:.1f} pixels off the epipolar line, but {then:.1f} with the partner {frames}, as in "
            f"{pair.first.place}",
            "one camera was started later or dropped frames, or the cameras are not triggered together",
            f"pair each left image with the right one {frames}, or trigger both cameras at once",
            strip([named("target", pair.first), named("its partner", pair.second)]),
        ),
    )  # fmt: skip


def calibrated(footage: Footage) -> list[Moment]:
    """Moments whose partner shows the same scene, with intrinsics and a baseline."""
    return [moment for moment in footage.stereo if moment.disparities is not None]


def many(bad_ones: int, of: int) -> bool:
    """Whether bad pairs are more than an accident: one in seven of those looked at, and not a single one of many."""
    return bad_ones >= max(1 if of < 4 else 2, 0.15 * of)


#: Pixels off the epipolar line (pictures about 500 wide) that call for a look at the neighbours: good pairs have at
#: most 0.2, one frame of driving (KITTI, 10 Hz) makes 0.6 to 2.
BESIDE = 0.4
#: Frames by which the right camera may be early or late.
OFFSETS = (-1, 1, -2, 2, -3, 3)
#: Part of the distance from the epipolar line that is left with the true partner, and of the pairs that it is best for.
FAR_BETTER, MOSTLY = 0.6, 0.6


def _better_offset(timed: list[dict[int, float]]) -> int | None:
    """The offset in frames at which partners fit far better than those of the same moment, and mostly best of all.

    At the ends of a recording some partners are missing, so that each offset is judged where it exists.
    """
    gains: dict[int, float] = {}
    for offset in OFFSETS:
        known = [across for across in timed if offset in across]
        best = [across for across in known if min(across, key=lambda o: across[o]) == offset]
        if len(known) >= min(2, len(timed)) and len(best) >= MOSTLY * len(known):
            gains[offset] = float(np.median([across[offset] / across[0] for across in known]))
    best_of_all = min(gains, key=lambda offset: gains[offset], default=None)
    return best_of_all if best_of_all is not None and gains[best_of_all] <= FAR_BETTER else None


def _across_by_offset(moment: Moment) -> dict[int, float]:
    """Median distance from the epipolar line (pixels) with the partner of the same moment (0) and of its neighbours."""
    assert moment.stereo is not None and moment.disparities is not None and moment.stereo_T_target is not None
    here = float(moment.disparities.across.abs().median())
    distances = {0: here}
    if here < BESIDE:
        return distances
    for offset in OFFSETS:
        partner = moment.reader.read(moment.reader.source.neighbour(moment.stereo.second.view, offset))
        if partner is None:
            continue
        found = match(moment.target.grey, partner.grey, (moment.stereo.matches.points - 0.5).long())
        pair = Pair(moment.target, partner, found)
        seen = moment.seen_with(pair)
        if seen is not None:
            distances[offset] = float(seen.across.abs().median())
    return distances


def _right_is_on_the_right(moment: Moment) -> bool:
    """Whether the calibration, whatever the images say, has the right camera to the right of the left one."""
    assert moment.stereo_T_target is not None
    is_left = moment.item.side not in SIDES_RIGHT
    return bool(moment.stereo_T_target[0, 3] < 0) == is_left


def _wrong(moment: Moment) -> float:
    assert moment.disparities is not None
    along = moment.disparities.along
    signed = along.abs() > SIGNED
    return float((along < 0)[signed].float().mean()) if int(signed.sum()) >= 5 else 0.0

