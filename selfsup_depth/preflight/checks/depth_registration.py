"""Do the edges of depth maps lie on edges of the images?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.preflight.checks.depth_values import NO_DEPTH
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


@dataclass(frozen=True)
class _Edges:
    depth: Tensor  # [h, w] 0 or 1
    image: Tensor  # [h, w] strength of the image's edges, mean 0


def depth_registration(footage: Footage) -> Result:
    """Of all small shifts, and of the mirrored map, the one that was given fits the image best."""
    maps = [moment for moment in footage.moments if moment.depth is not None]
    if not maps:
        return not_looked(NO_DEPTH)
    for moment in maps:
        if (shaped := _other_shape(moment)) is not None:
            return shaped
    edges = [(moment, found) for moment in maps if (found := _edges(moment)) is not None]
    if not edges:
        return not_looked("the maps are scattered points or have no edges")
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


def _finding(moment: Moment, edges: _Edges, shift: tuple[int, int], flipped: bool) -> Finding:
    scale = moment.target.stored_size[0] / moment.target.width
    found = (
        "the edges of the maps fit those of the images when the maps are mirrored" if flipped else
        f"the edges fit best when the maps are moved by ({shift[0] * scale:+.0f}, {shift[1] * scale:+.0f}) pixels"
    )  # fmt: skip
    return Finding(
        "depth_registration", "error" if flipped else "warning", float(np.hypot(*shift)) * scale, "pixels",
        f"the edges of depth on those of the image, to {FURTHEST * scale:.0f} pixels", found,
        "mirrored maps" if flipped else
        "depth of a sensor beside the camera that was not projected into it, a crop or resize of only one of them, or "
        "image and depth of different times",
        "mirror the maps back" if flipped else
        "project the depth into the colour camera with the calibration of both, and crop and resize both alike",
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
            strip([
                named("image", moment.target), ("its depth, near is bright", draw_depth(moment.depth, width, height))
            ]),
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
