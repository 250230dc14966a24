"""Does the camera move, by how much, and not only by turning?"""

from __future__ import annotations

import numpy as np

from selfsup_depth.datasets.prepared_files import STOOD_STILL
from selfsup_depth.preflight.drawing import draw_arrows, named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage, Pair
from selfsup_depth.preflight.rotations import best_turn

NO_VIDEO = "no neighbours in time are asked for (--frame_ids 0 -1 1)"
#: Grey levels (0 to 255): a repeated frame differs by compression alone, one of a moving camera by 9 or more, one of a
#: camera that stands by its noise, 0.6 or more.
EQUAL = 0.25
#: Median displacement in widths of the picture: half a pixel of 640. Matching is good to 0.1 pixel.
STANDS = 0.0008
MOST_STATIC, HOPELESS_STATIC = 0.3, 0.8
#: Median displacement of moving frames, widths of the picture. KITTI at 10 Hz 0.008 to 0.010, rooms 0.021, drive 0.009.
SLOWEST, FASTEST = 0.0022, 0.08
#: Median part of the points that are found again in the next frame: KITTI, drive and rooms at their own rates 0.46 to
#: 0.83; KITTI at half its rate 0.34, at a third 0.28. Near points are lost first: the motion of the rest hardly grows.
LEAST_FOUND, NOTHING_FOUND = 0.3, 0.1
#: A turn explains a displacement when it leaves no more than this part of it, or this many pixels (four times what
#: matching leaves over).
EXPLAINED, EXPLAINED_PIXELS = 0.12, 0.4
MOST_TURNING = 0.4


def duplicated_frames(footage: Footage) -> Result:
    """No frame repeats its neighbour."""
    pairs = footage.in_time
    if not pairs:
        return not_looked(NO_VIDEO)
    equal = [pair for pair in pairs if pair.difference < EQUAL]
    share = len(equal) / len(pairs)
    seen = f"{len(equal)} of {len(pairs)} neighbours are the same picture"
    if not equal:
        return good(seen)
    return bad(
        seen,
        Finding(
            "duplicated_frames", "error" if share > HOPELESS_STATIC else "warning", 100 * share, "% of the neighbours",
            "every frame to be another picture",
            f"{seen}, for example {equal[0].first.place} and {equal[0].second.place}",
            "a conversion to a higher frame rate that repeats frames, a camera that stands still, files copied twice",
            "extract the frames at the camera's rate, or leave repeated ones out (prepare_data.py --min_motion 1)",
            strip([named("frame", equal[0].first), named("its neighbour", equal[0].second)]),
        ),
    )  # fmt: skip


def static_frames(footage: Footage) -> Result:
    """The camera moves between the frames, also between those that were dropped when they were prepared."""
    dropped = _dropped_beforehand(footage)
    pairs = [pair for pair in _followed(footage) if pair.difference >= EQUAL]
    if not pairs:
        return bad(dropped.found, dropped) if dropped else not_looked(_why_not(footage))
    still = [pair for pair in pairs if pair.flow < STANDS]
    share = len(still) / len(pairs)
    seen = f"{share:.0%} of {len(pairs)} neighbours stand still"
    before = () if dropped is None else (dropped,)
    if share <= MOST_STATIC or len(still) < 2:
        return bad(seen, *before)
    return bad(
        seen,
        *before,
        Finding(
            "static_frames", "error" if share > HOPELESS_STATIC else "warning", 100 * share, "% of the neighbours",
            f"at most {MOST_STATIC:.0%} without motion",
            f"{seen} (less than {STANDS * 640:.1f} pixels at a width of 640), for example {still[0].first.place} and "
            f"{still[0].second.place}",
            "a fixed camera, a car that waits, or a frame rate far too high",
            "drop frames without motion (prepare_data.py --min_motion 1); a fixed camera needs --use_stereo",
            strip([named("frame", still[0].first), named("its neighbour", still[0].second)]),
        ),
    )  # fmt: skip


def _dropped_beforehand(footage: Footage) -> Finding | None:
    """What preparation counted: the frames of a video in which the camera stood are not there to be looked at."""
    still, recorded = footage.dropped(STOOD_STILL)
    share = still / max(1, recorded)
    if share <= MOST_STATIC:
        return None
    return Finding(
        "static_frames", "warning", 100 * share, "% of the frames", f"at most {MOST_STATIC:.0%} without motion",
        f"{still} of {recorded} frames were left out when they were prepared, because the camera stood still",
        "a fixed camera, a car that waits, or a frame rate far too high",
        "film while moving, for these frames show no depth; a fixed camera needs --use_stereo",
    )  # fmt: skip


def frame_rate(footage: Footage) -> Result:
    """Neighbours move enough to show depth, and overlap enough to be compared."""
    pairs = footage.in_time
    if not pairs:
        return not_looked(NO_VIDEO)
    share = float(np.median([pair.matches.share for pair in pairs]))
    moving = [pair for pair in _followed(footage) if pair.flow >= STANDS]
    flow = float(np.median([pair.flow for pair in moving])) if moving else float("nan")
    seen = f"{share:.0%} of the points found again"
    seen = f"{100 * flow:.2f}% of the width in the median, {seen}" if moving else seen
    too_fast = share < LEAST_FOUND or flow > FASTEST
    if not too_fast and not flow < SLOWEST:
        return good(seen) if moving else not_looked(_why_not(footage))
    pair = sorted(pairs, key=lambda pair: pair.matches.share)[len(pairs) // 2]
    if too_fast:
        number, unit = (100 * share, "% of the points") if share < LEAST_FOUND else (100 * flow, "% of the width")
        found = f"neighbours move too far: {seen}"
        cause = "too few frames per second, frames that are no neighbours, or pictures that show hardly more than noise"
        remedy = "take more frames per second (a smaller --frame_step, a higher --fps), and check their order"
    else:
        number, unit = 100 * flow, "% of the width"
        found, cause = f"neighbours hardly move: {seen}", "too many frames per second for so slow a camera"
        step = max(2, round(0.01 / flow))
        remedy = f"take every {step}th frame: --frame_step {step}, or --frame_ids 0 -{step} {step}"
    return bad(
        seen,
        Finding(
            "frame_rate", "error" if share < NOTHING_FOUND else "warning", number, unit,
            f"{100 * SLOWEST:.2f} to {100 * FASTEST:.0f}% of the width, {LEAST_FOUND:.0%} of the points found again",
            f"{found}, for example {pair.first.place} and {pair.second.place}", cause, remedy,
            strip([named("frame", pair.first), named("its neighbour", pair.second)]),
        ),
    )  # fmt: skip


def rotation_only(footage: Footage) -> Result:
    """The camera moves through space: a turn alone shows no depth."""
    pairs = [pair for pair in _followed(footage) if pair.flow >= 2 * STANDS]
    turns = [(pair, turn) for pair in pairs if (turn := best_turn(pair)) is not None]
    if not turns:
        return not_looked(_why_not(footage))
    only = [
        (pair, turn) for pair, turn in turns
        if turn.parallax < max(EXPLAINED_PIXELS, EXPLAINED * pair.flow * pair.first.width)
    ]  # fmt: skip
    share = len(only) / len(turns)
    parallax = float(np.median([turn.parallax for _, turn in turns]))
    seen = f"{share:.0%} of {len(turns)} moving neighbours only turn; turns leave {parallax:.1f} pixels in the median"
    if share <= MOST_TURNING or len(only) < 2:
        return good(seen)
    pair, turn = max(only, key=lambda entry: entry[1].degrees)
    points = pair.matches.points[pair.matches.valid]
    arrows = draw_arrows(pair.first, points, pair.matches.flow, "motion to the neighbour")
    rest = draw_arrows(pair.first, points, turn.left_over, f"what a turn of {turn.degrees:.1f} degrees leaves")
    return bad(
        seen,
        Finding(
            "rotation_only", "warning", 100 * share, "% of the moving neighbours",
            f"at most {MOST_TURNING:.0%} explained by turning alone",
            f"{seen}; for example {pair.first.place} and {pair.second.place}",
            "a camera on a tripod or turned in the hand: such frames show no depth",
            "walk or drive while filming; leave such stretches out, or learn from stereo (--use_stereo)",
            strip([("motion", arrows), ("left over", rest)]),
        ),
    )  # fmt: skip


def _followed(footage: Footage) -> list[Pair]:
    """Neighbours in which enough points were found again to speak of motion."""
    return [pair for pair in footage.in_time if pair.shows_the_same]


def _why_not(footage: Footage) -> str:
    return "no neighbour in which the points of a frame are found again" if footage.in_time else NO_VIDEO
