"""Data whose images are named by a list or found without one, and divided where no list is for validation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

from selfsup_depth.datasets.held_out import HELD_OUT, Frame, hold_out_the_last
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.item_lists import PublishedLists, find_list, parse_item, read_list
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.structures import STEREO
from splits import SplitLine


class ListedSource(ViewSource):
    """Items come from lines given, from a list, or from `unlisted`, in this order."""

    name: str
    root: str  # the folder in which lists are looked for
    published: PublishedLists = {}

    @abstractmethod
    def to_item(self, line: SplitLine) -> SplitLine:
        """The item that a line means; raises ValueError when it means none."""

    @abstractmethod
    def unlisted(self) -> tuple[list[SplitLine], bool]:
        """What there is when no list says so, and whether training and validation have to share it.

        Raises UserError when there is nothing.
        """

    @abstractmethod
    def frames_of(self, items: Sequence[SplitLine]) -> list[Frame]:
        """Scene and number of each item, by which training and validation are kept apart."""

    def items(self) -> Sequence[SplitLine]:
        return self._chosen[0]

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        left_out = self._chosen[1]
        return {HELD_OUT: [item_name(item) for item in left_out]} if left_out else {}

    @cached_property
    def _chosen(self) -> tuple[list[SplitLine], list[SplitLine]]:
        """Items of the part, and those that training leaves out for the sake of validation."""
        if self.request.lines is not None:
            return [parse_item(line, f"{self.name}, lines given", self.to_item) for line in self.request.lines], []
        listed = find_list(self.request, self.name, self.root, self.published)
        if listed is None:
            items, shared = self.unlisted()
        else:
            items, shared = read_list(listed.path, self.name, self.to_item), listed.shared
        return self._divided(items) if shared else (items, [])

    def _divided(self, items: Sequence[SplitLine]) -> tuple[list[SplitLine], list[SplitLine]]:
        reach = max((abs(int(frame)) for frame in self.request.frame_ids if frame != STEREO), default=0)
        frames = self.frames_of(items)
        kept, held_out = hold_out_the_last(frames, reach)
        training = self.request.part == "train"
        wanted = kept if training else held_out
        pairs = list(zip(items, frames, strict=True))
        rest = [item for item, frame in pairs if frame not in wanted] if training else []
        return [item for item, frame in pairs if frame in wanted], rest
