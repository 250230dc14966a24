"""Is each frame the next of the one before: in order, without cuts, equally bright, sharp?"""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.preflight.checks.sharpness import sharpness
from selfsup_depth.preflight.checks.video_motion import NO_VIDEO
from selfsup_depth.preflight.drawing import named, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import LEAST_MATCHES, LEAST_SHARE, Footage, Moment, Pair
from selfsup_depth.preflight.rotations import best_turn
from selfsup_depth.preflight.views import Picture

#: Part of the frames whose points move to the same side towards the previous and the next frame: none in KITTI, drive
#: and rooms (their cosine is -0.96 or less); two thirds of shuffled frames.
MOST_OUT_OF_ORDER = 0.2
#: Pixels beyond a turn, below which directions mean nothing.
LEAST_PARALLAX = 0.6
#: Points found again across a cut, against the usual share: unrelated pictures have 0.01 to 0.28 of KITTI's 0.47.
CUT_SHARE, CUT_OF_USUAL = 0.12, 0.35
#: Factor of brightness between neighbours: at most 1.07 in KITTI.
JUMP, MOST_JUMPING = 1.15, 0.1
#: Sharpness against that of the neighbours, which show the same: 0.7 and more in KITTI, drive and rooms.
BLURRED, MOST_BLURRED = 0.4, 0.1
#: Cause of and remedy for frames out of order.
OF_A_VIDEO = (
    "frames that an editor or a converter has put out of order, or a loop that was joined",
    "give the video as the camera wrote it",
)
OF_FILES = (
    "numbers without leading zeros (1, 10, 11, 2) that were sorted as words, or files renamed out of order",
    "rename the frames with leading zeros in the order of time (frame_0001, ...), or extract them anew",
)
NUMBER = re.compile(r"(\d+)(?!.*\d)")


def frame_order(footage: Footage) -> Result:
    """Names count upwards, and points go on in the direction in which they came."""
    triples = [moment for moment in footage.moments if moment.before is not None and moment.after is not None]
    if not triples:
        return not_looked(NO_VIDEO if not footage.in_time else "needs the frame before and the one after")
    judged = [(moment, cosine) for moment in triples if (cosine := _agreement(moment)) is not None]
    backwards = [moment for moment in triples if _counts_backwards(moment)]
    if not judged and not backwards:
        return not_looked("no three frames in a row that move")
    odd = [moment for moment, cosine in judged if cosine > 0]
    share = len(odd) / len(judged) if judged else 0.0
    seen = f"in {len(odd)} of {len(judged)} frames points turn back between the previous and the next frame"
    if not backwards and (share <= MOST_OUT_OF_ORDER or len(odd) < 2):
        return good(seen)
    moment = (backwards or odd)[0]
    before, after = moment.before, moment.after
    assert before is not None and after is not None
    names = " -> ".join(PurePath(picture.place).name for picture in (before.second, moment.target, after.second))
    return bad(
        seen,
        Finding(
            "frame_order", "error", 100 * share if odd else len(backwards), "% of the frames" if odd else "frames",
            "frames in the order in which they were taken",
            f"{seen}; for example {names}" + ("; their numbers do not count upwards" if backwards else ""),
            *(OF_A_VIDEO if footage.is_video else OF_FILES),
            strip([
                named("previous", before.second), named("frame", moment.target), named("next", after.second),
            ]),
        ),
    )  # fmt: skip


def cuts(footage: Footage) -> Result:
    """Neighbours show the same scene."""
    pairs = footage.in_time
    if not pairs:
        return not_looked(NO_VIDEO)
    usual = float(np.median([pair.matches.share for pair in pairs]))
    if usual < LEAST_SHARE:
        return not_looked("hardly any neighbours match")
    cut = [
        pair for pair in pairs
        if pair.matches.share < min(CUT_SHARE, CUT_OF_USUAL * usual) and len(pair.matches.valid) > 30
    ]  # fmt: skip
    seen = f"{len(cut)} of {len(pairs)} neighbours show something else"
    if not cut:
        return good(seen)
    worst = min(cut, key=lambda pair: pair.matches.share)
    return bad(
        seen,
        Finding(
            "cuts", "warning", 100 * worst.matches.share, "% of the points found again",
            f"about {usual:.0%}, as between other neighbours",
            f"{seen}, for example {worst.first.place} and {worst.second.place}",
            "a film with cuts, several recordings in one folder, a lost stretch of frames",
            "give each recording its own folder (or scene name), or cut the video into its scenes",
            strip([named("frame", worst.first), named("its neighbour", worst.second)]),
        ),
    )  # fmt: skip


def exposure_jumps(footage: Footage) -> Result:
    """The same point keeps its brightness from frame to frame."""
    pairs = [pair for pair in footage.in_time if pair.shows_the_same]
    if not pairs:
        return not_looked(NO_VIDEO)
    factors = np.exp([float(pair.gain.abs().max()) for pair in pairs])
    jumping = np.flatnonzero(factors > JUMP)
    seen = f"factors up to {factors.max():.2f}, {np.median(factors):.2f} in the median"
    if len(jumping) <= MOST_JUMPING * len(pairs):
        return good(seen)
    worst = pairs[int(factors.argmax())]
    return bad(
        seen,
        Finding(
            "exposure_jumps", "warning", float(factors.max()), "times as bright",
            f"factors below {JUMP:g} between neighbours",
            f"{len(jumping)} of {len(pairs)} neighbours exceed it ({seen}), for example {worst.first.place} and "
            f"{worst.second.place}",
            "automatic exposure or white balance, lamps that flicker",
            "lock the exposure while filming; for old footage equalise the brightness of neighbouring frames",
            strip([named("frame", worst.first), named("its neighbour", worst.second)]),
        ),
    )  # fmt: skip


def blur(footage: Footage) -> Result:
    """No frame is much less sharp than its neighbours."""
    neighbours = _neighbours(footage)
    if not neighbours:
        return not_looked(NO_VIDEO if not footage.in_time else "hardly any neighbours match")
    sharp = {place: sharpness(pictures[0].grey) for place, pictures in neighbours.items()}
    ratios = {
        place: sharp[place] / max(sharp[other.place] for other in others)
        for place, (_, *others) in neighbours.items()
    }
    blurred = [place for place, ratio in ratios.items() if ratio < BLURRED]
    least = min(ratios, key=lambda place: ratios[place])
    seen = f"the least sharp frame has {ratios[least]:.2f} of the sharpness of its neighbours"
    if len(blurred) <= MOST_BLURRED * len(ratios):
        return good(seen)
    worst, *others = neighbours[least]
    other = max(others, key=lambda picture: sharp[picture.place])
    return bad(
        seen,
        Finding(
            "blur", "warning", ratios[least], "of its neighbours' sharpness", f"at least {BLURRED:g}",
            f"{len(blurred)} of {len(ratios)} frames are blurred, for example {worst.place}",
            "a shaken camera, long exposures in the dark, a focus that hunts, frames lost to compression",
            "film with shorter exposures and a fixed focus; leave blurred frames out",
            strip([named("frame", worst), named("its neighbour", other)]),
        ),
    )  # fmt: skip


def _neighbours(footage: Footage) -> dict[str, list[Picture]]:
    """By its place: every frame, and after it those before and after that show the same."""
    found: dict[str, list[Picture]] = {}
    for pair in footage.in_time:
        if _same_scene(pair):
            for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
                found.setdefault(one.place, [one]).append(other)
    return found


def _same_scene(pair: Pair) -> bool:
    """Blurred frames lose points, so that this asks for fewer than elsewhere."""
    return pair.matches.share >= CUT_SHARE


def _agreement(moment: Moment) -> float | None:
    """Cosine between a point's way to the previous and to the next frame, median of the points; None: unclear.

    Turns are taken out first, because a shaking hand turns to and fro while it moves on.
    """
    assert moment.before is not None and moment.after is not None
    ways = [_ways(pair) for pair in (moment.before, moment.after)]
    if ways[0] is None or ways[1] is None:
        return None
    both = torch.isfinite(ways[0][:, 0]) & torch.isfinite(ways[1][:, 0])
    if int(both.sum()) < LEAST_MATCHES:
        return None
    return float(F.cosine_similarity(ways[0][both], ways[1][both]).median())


def _ways(pair: Pair) -> Tensor | None:
    """[N, 2] pixels that points moved beyond a turn of the camera, NaN where unknown; None: it does not move."""
    turn = best_turn(pair)
    if turn is None or turn.parallax < LEAST_PARALLAX:
        return None
    ways = torch.full((len(pair.matches.valid), 2), torch.nan, dtype=torch.float64)
    ways[pair.matches.valid] = turn.left_over
    return ways


def _counts_backwards(moment: Moment) -> bool:
    """Whether the last numbers in the names of previous, target and next do not rise."""
    assert moment.before is not None and moment.after is not None
    paths = [picture.path for picture in (moment.before.second, moment.target, moment.after.second)]
    if not all(path.lower().endswith(IMAGE_SUFFIXES) for path in paths):
        return False  # rows of an archive, frames of a video
    names = [PurePath(path).stem for path in paths]
    numbers = [NUMBER.search(name) for name in names]
    stems = {NUMBER.sub("", name) for name in names}
    if not all(numbers) or len(stems) > 1:
        return False
    first, second, third = (int(number[1]) for number in numbers if number)
    return not first < second < third
