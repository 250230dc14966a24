"""The evidence that all checks share, gathered once: a bounded, seeded sample of moments with their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets import ViewSource
from selfsup_depth.datasets.prepared_files import WHEN_PREPARED
from selfsup_depth.errors import UserError
from selfsup_depth.preflight.disparities import Disparities, disparities
from selfsup_depth.preflight.matching import Matches
from selfsup_depth.preflight.stored_files import StoredFiles
from selfsup_depth.preflight.views import Picture, PictureReader
from selfsup_depth.structures import FrameId, IndexReport
from splits import SplitLine

#: Part of a picture's points that are found again in another one of the same scene, and their number. Of stereo
#: pairs 0.22 to 0.93 (141 of KITTI, Middlebury, drive, rooms; median 0.68), of the next frame 0.37 to 0.95; of pairs of
#: unrelated streets 0.01 to 0.07, of pairs of which one is mirrored 0.01 to 0.14, of other places of one road 0.1 to
#: 0.28.
LEAST_SHARE, LEAST_MATCHES = 0.2, 12
#: Times that one picture of a pair may be as wide as the other: the matching knows one scale.
MOST_LARGER = 1.2


@dataclass(frozen=True)
class Part:
    """Training or validation: what the index of a data set found."""

    source: ViewSource
    items: Sequence[SplitLine]
    report: IndexReport
    frame_ids: tuple[FrameId, ...]
    most_moments: int


@dataclass(frozen=True)
class Pair:
    """Two pictures, and where the second shows points of the first."""

    first: Picture
    second: Picture
    matches: Matches

    @property
    def difference(self) -> float:
        """Mean absolute difference of the grey values where both have pixels, in levels of 0 to 255."""
        if self.first.grey.shape != self.second.grey.shape:
            return 255.0
        return 255 * float((self.first.grey - self.second.grey).abs().mean())

    @property
    def shows_the_same(self) -> bool:
        """Whether enough points were found again to speak of one scene."""
        if not 1 / MOST_LARGER < self.first.width / self.second.width < MOST_LARGER:
            return False  # patches of another scale: what is found of them means nothing
        return self.matches.share >= LEAST_SHARE and self.matches.count >= LEAST_MATCHES

    @cached_property
    def flow(self) -> float:
        """Median length of the displacements, in widths of the picture; NaN without matches."""
        return float(self.matches.flow.norm(dim=1).median()) / self.first.width if self.matches.count else np.nan

    @cached_property
    def gain(self) -> Tensor:
        """[3] natural logarithms: how much brighter matched points are in the second, by channel."""
        levels = []
        for picture, points in ((self.first, self.matches.points), (self.second, self.matches.found)):
            column = points[self.matches.valid, 0].long().clamp(0, picture.width - 1)
            row = points[self.matches.valid, 1].long().clamp(0, picture.height - 1)
            levels.append(picture.smooth[:, row, column])
        lit = (torch.stack(levels) > 8).all(0).all(0) & (torch.stack(levels) < 247).all(0).all(0)
        if not bool(lit.any()):
            return torch.zeros(3)
        return (levels[1][:, lit] / levels[0][:, lit]).log().median(dim=1).values


@dataclass(frozen=True)
class Moment:
    """A target with its neighbours; whatever is not there is None."""

    item: SplitLine
    reader: PictureReader
    target: Picture
    stereo: Pair | None  # target -> partner
    before: Pair | None  # target -> previous frame
    after: Pair | None  # target -> next frame
    stereo_T_target: Tensor | None  # [4, 4] float64 metres
    depth: np.ndarray | None  # [h, w] metres, 0 = unknown, at its own size

    @property
    def in_time(self) -> list[Pair]:
        """The pairs target -> neighbour in time."""
        return [pair for pair in (self.before, self.after) if pair is not None]

    @cached_property
    def disparities(self) -> Disparities | None:
        """None without a stereo partner that shows the same scene, or without calibration."""
        return None if self.stereo is None else self.seen_with(self.stereo)

    def seen_with(self, pair: Pair) -> Disparities | None:
        """Disparities as if the second of a pair were the stereo partner."""
        if self.stereo_T_target is None or not pair.shows_the_same:
            return None
        return disparities(pair.first, pair.second, pair.matches, self.stereo_T_target)

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        """[4, 4] float64 metres, where the data has poses."""
        pose = self.reader.source.world_T_camera(view)
        return None if pose is None else pose.double()


@dataclass(frozen=True)
class Footage:
    """What the checks look at."""

    name: str
    parts: tuple[Part, ...]
    readers: tuple[PictureReader, ...]  # one for each part
    moments: tuple[Moment, ...]
    files: StoredFiles
    depth_range: tuple[float, float] | None  # --min_depth, --max_depth in network units; None: not to be checked

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Images that cannot be read: path -> why."""
        return {path: why for reader in self.readers for path, why in reader.unreadable.items()}

    @cached_property
    def unreadable_depth(self) -> dict[str, UserError]:
        """Images whose depth map cannot be read: place -> why."""
        return {place: why for reader in self.readers for place, why in reader.unreadable_depth.items()}

    @cached_property
    def refused(self) -> dict[str, UserError]:
        """Images whose camera cannot be used: path -> why."""
        return {path: why for reader in self.readers for path, why in reader.refused.items()}

    @property
    def pictures(self) -> list[Picture]:
        """Every picture that was read, once."""
        return [picture for reader in self.readers for picture in reader.pictures]

    @property
    def is_prepared(self) -> bool:
        """Whether the images are copies, resized to the size of training."""
        return any(part.source.made_from is not None for part in self.parts)

    @property
    def is_video(self) -> bool:
        """Whether the images are frames of a video, which preparation has taken out of it."""
        return any(part.source.made_from == "video" for part in self.parts)

    def dropped(self, reason: str) -> tuple[int, int]:
        """Frames as recorded that preparation did not take, for a reason that begins so, and all that were recorded."""
        report = self.parts[0].report
        dropped = {why: count for why, count in report.left_out.items() if why.endswith(WHEN_PREPARED)}
        images = report.listed - sum(dropped.values())
        frames = images // 2 if self.parts[0].source.has_stereo else images
        return sum(count for why, count in dropped.items() if why.startswith(reason)), frames + sum(dropped.values())

    @property
    def stereo(self) -> list[Moment]:
        return [moment for moment in self.moments if moment.stereo is not None]

    @property
    def in_time(self) -> list[Pair]:
        return [pair for moment in self.moments for pair in moment.in_time]
