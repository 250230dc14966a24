"""Does an image hold one picture, or both of a stereo pair beside or above each other?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from selfsup_depth.preflight.drawing import draw_matches
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import LEAST_MATCHES, LEAST_SHARE, Footage, Pair
from selfsup_depth.preflight.matching import match
from selfsup_depth.preflight.views import Picture

Layout = Literal["side_by_side", "top_bottom"]  # the values of --stereo_layout for both images in one
MOST_PICTURES = 8
#: Pixels across the baseline, beside the median of a pair, and that median as part of the height (a rig that is not
#: rectified). Points of one half that are found so in the other: 0.29 to 0.95 of those of two pictures in one (119
#: pairs of KITTI and the drive, also squeezed to 640x192), at most 0.06 of KITTI's and the drive's own pictures, 0.11
#: of 28 photographs of other things.
LEVEL, MOST_OFFSET = 2.0, 0.06
#: Pixels: less is no disparity, and the halves are one picture twice.
SAME = 0.3
WORDS: dict[Layout, tuple[str, str, str]] = {
    "side_by_side": ("beside each other", "left half", "right half"),
    "top_bottom": ("above each other", "upper half", "lower half"),
}
#: ffmpeg's filter that exchanges the halves.
EXCHANGED: dict[Layout, str] = {"side_by_side": "sbsr:sbsl", "top_bottom": "abr:abl"}


@dataclass(frozen=True)
class _Halves:
    """Both halves of one image, and which part of the first one's points the second shows at the same height."""

    pair: Pair
    share: float
    shift: float  # pixels: median way to the right from the first to the second half


def two_in_one(footage: Footage) -> Result:
    """The halves of an image show different things."""
    pictures = [moment.target for moment in footage.moments if not moment.target.is_blank]
    pictures = pictures[:: max(1, -(-len(pictures) // MOST_PICTURES))]
    if not pictures:
        return not_looked("no image that shows something")
    halves = {layout: [_halves(picture, layout) for picture in pictures] for layout in WORDS}
    shares = {layout: float(np.median([one.share for one in of])) for layout, of in halves.items()}
    layout = max(WORDS, key=lambda layout: shares[layout])
    beside, above = shares["side_by_side"], shares["top_bottom"]
    seen = f"{beside:.0%} of the points of the left half are in the right one, {above:.0%} of the upper in the lower"
    if shares[layout] < LEAST_SHARE:
        return good(seen)
    return bad(seen, _finding(footage, layout, shares[layout], halves[layout]))


def _finding(footage: Footage, layout: Layout, share: float, halves: list[_Halves]) -> Finding:
    how, first, second = WORDS[layout]
    shift = float(np.median([one.shift for one in halves]))
    twice = abs(shift) < SAME
    clearest = max(halves, key=lambda one: one.share)
    wrong = torch.zeros(clearest.pair.matches.count, dtype=torch.bool)
    found = f"{share:.0%} of the points of the {first} are in the {second} too, at the same height: two pictures {how}"
    return Finding(
        "two_in_one", "error", 100 * share, "% of the points",
        f"less than {LEAST_SHARE:.0%} of one half's points in the other", found,
        "a picture that was doubled: both halves are the same, without disparity" if twice else
        f"both images of a stereo camera in one, {how}, read as if they were one picture",
        f"cut the {second} off: it shows no depth" if twice else _remedy(footage, layout, right_first=shift > 0),
        draw_matches(clearest.pair, wrong, (first, second)),
    )  # fmt: skip


def _remedy(footage: Footage, layout: Layout, *, right_first: bool) -> str:
    option = f"--stereo_layout {layout}"
    order = (
        "; the right image stands first here, so exchange the halves before "
        f"(ffmpeg -i IN -vf stereo3d={EXCHANGED[layout]} OUT)"
    )
    what = (
        f"add {option}, and --use_stereo with a calibration of one half that says the distance of the lenses"
        if footage.name == "video" else f"prepare the video anew with {option} and a calibration of one half"
        if footage.is_video else
        "cut each image in the middle into left/ and right/, under the same name, and add --use_stereo; of a video "
        f"read the video itself: --dataset video {option}"
    )  # fmt: skip
    return what + (order if right_first else "")


def _halves(picture: Picture, layout: Layout) -> _Halves:
    width, height = picture.width // 2, picture.height // 2
    first, second = (
        (_part(picture, slice(None), slice(width)), _part(picture, slice(None), slice(-width, None)))
        if layout == "side_by_side" else
        (_part(picture, slice(height), slice(None)), _part(picture, slice(-height, None), slice(None)))
    )  # fmt: skip
    pair = Pair(first, second, match(first.grey, second.grey))
    flow = pair.matches.flow
    if len(flow) < LEAST_MATCHES:
        return _Halves(pair, 0.0, 0.0)
    offset = flow[:, 1].median()
    level = (flow[:, 1] - offset).abs() <= LEVEL
    share = float(level.sum()) / len(pair.matches.valid) if abs(float(offset)) <= MOST_OFFSET * first.height else 0.0
    return _Halves(pair, share, float(flow[level, 0].median()))


def _part(picture: Picture, rows: slice, columns: slice) -> Picture:
    return replace(picture, colour=picture.colour[:, rows, columns], grey=picture.grey[rows, columns].contiguous())
