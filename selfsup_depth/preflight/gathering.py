"""Reads the evidence: a bounded, seeded sample of moments with their neighbours."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfsup_depth.errors import UserError
from selfsup_depth.preflight.footage import Footage, Moment, Pair, Part
from selfsup_depth.preflight.matching import find_points, match
from selfsup_depth.preflight.stored_files import look_at_files
from selfsup_depth.preflight.views import PictureReader
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine


@dataclass(frozen=True)
class Effort:
    """How much is looked at."""

    area: int = 80_000  # pixels of a picture
    files: int = 4000  # of which header and end are read
    seconds: float = float("inf")  # no further moments after this time


def gather(
    name: str, parts: Sequence[Part], effort: Effort, *, depth_range: tuple[float, float] | None, seed: int = 0
) -> Footage:
    """Reads a sample of each part. Nothing global is touched: no random state, no settings of torch."""
    stop = time.perf_counter() + effort.seconds
    generator = np.random.default_rng(seed)
    readers = [PictureReader(part.source, effort.area) for part in parts]
    moments: list[Moment] = []
    for part, reader in zip(parts, readers, strict=True):
        for item in _spread(part.items, part.most_moments, generator):
            if moments and time.perf_counter() > stop:
                break
            moment = _moment(reader, item, part.frame_ids)
            if moment is not None:
                moments.append(moment)
    return Footage(
        name=name,
        parts=tuple(parts),
        readers=tuple(readers),
        moments=tuple(moments),
        files=look_at_files(_files_of(parts) if effort.files else [], effort.files, generator),
        depth_range=depth_range,
    )


def _files_of(parts: Sequence[Part]) -> list[str]:
    """Paths of all images that the items need, each once."""
    paths: dict[str, None] = {}
    for part in parts:
        for item in part.items:
            views = [part.source.neighbour(item, frame) for frame in part.frame_ids]
            paths |= {part.source.image_path(view): None for view in views if view is not None}
    return list(paths)


def _spread(items: Sequence[SplitLine], count: int, generator: np.random.Generator) -> list[SplitLine]:
    """One item of each of `count` equal stretches."""
    if len(items) <= count:
        return list(items)
    edges = np.linspace(0, len(items), count + 1)
    return [items[int(generator.uniform(low, high))] for low, high in zip(edges[:-1], edges[1:], strict=True)]


def _moment(reader: PictureReader, item: SplitLine, frame_ids: Sequence[FrameId]) -> Moment | None:
    """None where the target cannot be read. What else cannot be read is missing, and the reader knows why."""
    source = reader.source
    target = reader.read(item)
    if target is None:
        return None
    points = find_points(target.grey)
    offsets = [int(frame) for frame in frame_ids if frame != STEREO]
    earlier, later = max((o for o in offsets if o < 0), default=None), min((o for o in offsets if o > 0), default=None)

    def pair(frame: FrameId | None) -> Pair | None:
        other = None if frame is None else reader.read(source.neighbour(item, frame))
        if other is None or other.is_blank or target.is_blank:
            return None  # `exposure` speaks of blank pictures, and no other check should
        return Pair(target, other, match(target.grey, other.grey, points))

    before, after = pair(earlier), pair(later)
    stereo, transform, depth = pair(STEREO if STEREO in frame_ids else None), None, None
    try:
        transform = source.stereo_T_target(item) if stereo else None
    except UserError as error:
        reader.refused[target.path] = error
    try:
        depth = _known(source.depth(item)) if source.has_depth(item) else None
    except UserError as error:
        reader.unreadable_depth[target.place] = error
    transform = None if transform is None else transform.double()
    return Moment(item, reader, target, stereo, before, after, transform, depth)


def _known(depth: np.ndarray | None) -> np.ndarray | None:
    """A map in which everything that is no depth (NaN, infinite, negative) is 0."""
    return None if depth is None else np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
