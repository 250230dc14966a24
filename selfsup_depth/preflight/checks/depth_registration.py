"""Do depth maps lie on their images: the points of one on those of the other, edges on edges?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.preflight.checks.depth_values import NO_DEPTH
from selfsup_depth.preflight.checks.depth_witnesses import (
    EXPLAINED,
    MOST_SPREAD,
    TURNED,
    WORTH_EXPLAINING,
    Witnessed,
    witnessed,
)
from selfsup_depth.preflight.drawing import as_array, draw_depth, named, overlay, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage, Moment
from selfsup_depth.preflight.point_depths import depth_at_size

DENSE = 0.6  # of the pixels: scattered points have no edges
JUMP = 0.1  # relative step between neighbouring pixels that is an edge of depth
FEWEST_EDGES = 60  # pixels of a map
REACH = 14  # pixels of a picture about 350 wide, in each direction
#: Pixels, at about 350 wide, and standard deviations of the score over all shifts by which another must be better than
#: none. Drive and rooms have their best shift at 0 or 1 pixel.
FURTHEST, CLEARLY = 2.5, 1.0
SHAPE_TOLERANCE = 0.06
NOT_PROJECTED = (
    "depth of a sensor beside the camera that was not projected into it, a crop or resize of only one of them, or "
    "image and depth of different times"
)
PROJECT = "project the depth into the colour camera with the calibration of both, and crop and resize both alike"


@dataclass(frozen=True)
class _Edges:
    depth: Tensor  # [h, w] 0 or 1
    image: Tensor  # [h, w] strength of the image's edges, mean 0


def depth_registration(footage: Footage) -> Result:
    """Of all small shifts, and of turned maps, the one that was given fits the image best."""
    maps = [moment for moment in footage.moments if moment.depth is not None]
    if not maps:
        return not_looked(NO_DEPTH)
    for moment in maps:
        if (shaped := _other_shape(moment)) is not None:
            return shaped
    points = witnessed(footage)
    misplaced = None if points is None else _misplaced(maps[len(maps) // 2], points)
    if points is not None and misplaced is not None:
        return bad(f"{points.spread():.3f} apart from {points.name} in log depth", misplaced)
    edges = [(moment, found) for moment in maps if (found := _edges(moment)) is not None]
    if not edges and points is None:
        return not_looked("scattered points, or maps without edges, and neither stereo nor poses to compare with")
    if not edges:
        return good("" if points is None else f"{points.spread():.3f} apart from {points.name} in log depth")
    scores = torch.stack([_scores(e) for _, e in edges]).mean(0)
    mirrored = torch.stack([_scores(_Edges(e.depth.flip(1), e.image)) for _, e in edges]).mean(0)
    deviation = float(scores.std())
    here = float(scores[REACH - 1 : REACH + 2, REACH - 1 : REACH + 2].max())
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    right, down = column - REACH, row - REACH
    best = float(scores.max())
    seen = f"edges fit best at a shift of ({right:+d}, {down:+d}) pixels, in pictures {edges[0][0].target.width} wide"
    flipped = float(mirrored.max()) > best + 2 * CLEARLY * deviation
    shifted = max(abs(right), abs(down)) > FURTHEST and best > here + CLEARLY * deviation
    if not (flipped or shifted):
        return good(seen)
    return bad(seen, _finding(edges[0][0], edges[0][1], (right, down), flipped))


def _misplaced(moment: Moment, points: Witnessed) -> Finding | None:
    """What the depth of single points says: turned, moved, or of other images; None: the maps are in their places."""
    given = points.spread()
    shift, left = points.best_shift()
    turned = {how: points.spread(change) for how, change in TURNED.items()}
    how = min(turned, key=lambda name: turned[name])
    if given < WORTH_EXPLAINING:
        return None
    if turned[how] <= min(EXPLAINED * given, left):
        found = f"depth by {points.name} fits the maps when they are {how}"
        cause, remedy = f"maps that are {how}", "turn the maps back"
    elif max(map(abs, shift)) > FURTHEST and left <= EXPLAINED * given:
        scale = moment.target.stored_size[0] / moment.target.width
        moved = f"({shift[0] * scale:+.0f}, {shift[1] * scale:+.0f})"
        found = f"depth by {points.name} fits the maps best when they are moved by {moved} pixels"
        cause, remedy = NOT_PROJECTED, PROJECT
    elif given > MOST_SPREAD:
        found = f"depth by {points.name} does not follow the maps, however they are turned or moved"
        cause = "maps of other images (shifted numbers, other time stamps) or of another camera"
        remedy = "check by which name or time a map belongs to an image, and to which camera of the rig"
    else:
        return None
    return Finding(
        "depth_registration", "warning" if cause == NOT_PROJECTED else "error", given, "spread of log depth",
        f"a spread of log depth over that by {points.name} of at most {MOST_SPREAD:g}, and no better place",
        f"{found} (spread {given:.3f}, then {min(left, turned[how]):.3f})", cause, remedy,
        strip([named("image", moment.target), ("its depth, near is bright", _shown(moment))]),
    )  # fmt: skip


def _shown(moment: Moment) -> np.ndarray:
    assert moment.depth is not None
    return draw_depth(moment.depth, moment.target.width, moment.target.height)


def _finding(moment: Moment, edges: _Edges, shift: tuple[int, int], flipped: bool) -> Finding:
    scale = moment.target.stored_size[0] / moment.target.width
    found = (
        "the edges of the maps fit those of the images when the maps are mirrored" if flipped else
        f"the edges fit best when the maps are moved by ({shift[0] * scale:+.0f}, {shift[1] * scale:+.0f}) pixels"
    )  # fmt: skip
    return Finding(
        "depth_registration", "error" if flipped else "warning", float(np.hypot(*shift)) * scale, "pixels",
        f"the edges of depth on those of the image, to {FURTHEST * scale:.0f} pixels", found,
        "maps that are mirrored" if flipped else NOT_PROJECTED,
        "turn the maps back" if flipped else PROJECT,
        strip([
            ("edges of depth (red) on the image", overlay(moment.target, edges.depth.bool().numpy())),
            ("image", as_array(moment.target)),
        ]),
    )  # fmt: skip


def _other_shape(moment: Moment) -> Result | None:
    assert moment.depth is not None
    height, width = moment.depth.shape
    image_width, image_height = moment.target.stored_size
    number = (width / height) / (image_width / image_height)
    if abs(number - 1) <= SHAPE_TOLERANCE:
        return None
    seen = f"maps of {width}x{height} for images of {image_width}x{image_height}"
    return bad(
        seen,
        Finding(
            "depth_registration", "error", number, "times as wide for its height",
            "maps of the shape of their images", seen,
            "maps of another camera, or a crop of only one of them",
            "crop both alike, or project the depth into the colour camera",
            strip([named("image", moment.target), ("its depth, near is bright", _shown(moment))]),
        ),
    )  # fmt: skip


def _edges(moment: Moment) -> _Edges | None:
    assert moment.depth is not None
    width, height = moment.target.width, moment.target.height
    depth = depth_at_size(moment.depth, width, height)
    if (depth > 0).mean() < DENSE:
        return None
    log = np.log(np.where(depth > 0, depth, np.nan))
    steps = np.zeros_like(depth, dtype=bool)
    with np.errstate(invalid="ignore"):
        steps[:, 1:] |= np.abs(np.diff(log, axis=1)) > JUMP
        steps[1:] |= np.abs(np.diff(log, axis=0)) > JUMP
    if steps.sum() < FEWEST_EDGES:
        return None
    grey = moment.target.grey[None, None]
    dx = F.pad(grey[..., :, 1:] - grey[..., :, :-1], (1, 0, 0, 0))
    dy = F.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 1, 0))
    strength = (dx.square() + dy.square()).sqrt().clamp(max=0.15)[0, 0]
    return _Edges(torch.from_numpy(steps).float(), strength - strength.mean())


def _scores(edges: _Edges) -> Tensor:
    """[2 REACH + 1, 2 REACH + 1]: mean strength of the image's edges under those of depth, moved down and right."""
    size = tuple(side + REACH for side in edges.image.shape)  # so that what leaves on one side does not come back
    product = torch.fft.rfft2(edges.image, s=size) * torch.fft.rfft2(edges.depth, s=size).conj()
    around = torch.fft.irfft2(product, s=size).roll((REACH, REACH), (0, 1))
    return around[: 2 * REACH + 1, : 2 * REACH + 1] / edges.depth.sum()
