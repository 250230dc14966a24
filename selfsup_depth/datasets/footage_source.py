"""Footage of one camera that describes itself: items found without a list, and the frames that are not taken."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from selfsup_depth.datasets.held_out import Frame, hold_out
from selfsup_depth.datasets.listed_source import ListedSource
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine


class FootageSource(ListedSource):
    """An item is `<sequence> <frame> l`."""

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self._not_taken: Mapping[str, Sequence[str]] = {}

    @abstractmethod
    def found(self) -> tuple[list[SplitLine], Mapping[str, Sequence[str]]]:
        """The frames that the options take, in order, and the names of all others by reason."""

    @abstractmethod
    def next_in_time(self, view: SplitLine, offset: int) -> SplitLine | None:
        """The frame taken `offset` frames later; None: there is none."""

    def unlisted(self) -> tuple[list[SplitLine], bool]:
        items, others = self.found()
        if self.request.part != "val":  # said once, where both parts share the footage
            self._not_taken = {reason: names for reason, names in others.items() if names}
        return items, self.request.part != "test"

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        held_out = super().left_out_beforehand()  # calls `unlisted`, where there is no list
        return {**self._not_taken, **held_out}

    def hold_out(self, frames: Sequence[Frame], reach: int) -> tuple[set[Frame], set[Frame]]:
        return hold_out(frames, reach)  # blocks: a sequence is often of one walk through one place

    def frames_of(self, items: Sequence[SplitLine]) -> list[Frame]:
        return [(item.folder, item.frame) for item in items]

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == 0:
            return item
        return None if frame == STEREO else self.next_in_time(item, int(frame))
