"""Data whose images are named by a list or found without one, and divided where no list is for validation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

from selfsup_depth.datasets.held_out import (
    Frame,
    frames_left_out,
    furthest_neighbour,
    hold_out_the_last,
    more_to_validate_on,
)
from selfsup_depth.datasets.index import NO_DEPTH, STEREO_MISSING, TARGET_MISSING, item_name
from selfsup_depth.datasets.item_lists import PublishedLists, find_list, parse_item, read_list
from selfsup_depth.datasets.source import ViewSource
from splits import SplitLine


class ListedSource(ViewSource):
    """Items come from lines given, from a list, or from `unlisted`, in this order."""

    name: str
    root: str  # the folder in which lists are looked for
    published: PublishedLists = {}
    _is_divided = False  # whether training and validation share what was found

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

    def hold_out(self, frames: Sequence[Frame], reach: int) -> tuple[set[Frame], set[Frame]]:
        """Frames to train on and frames held out; `reach` is the furthest neighbour that a sample looks at."""
        return hold_out_the_last(frames, reach)

    def items(self) -> Sequence[SplitLine]:
        return self._chosen[0]

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        return self._chosen[1]

    def remedy(self, reason: str | None) -> str | None:
        if not self._is_divided or reason in (TARGET_MISSING, STEREO_MISSING, NO_DEPTH):
            return None
        return more_to_validate_on(furthest_neighbour(self.request.frame_ids))

    @cached_property
    def _chosen(self) -> tuple[list[SplitLine], Mapping[str, Sequence[str]]]:
        """Items of the part, and the names of those that training leaves out for the sake of validation."""
        if self.request.lines is not None:
            return [parse_item(line, f"{self.name}, lines given", self.to_item) for line in self.request.lines], {}
        listed = find_list(self.request, self.name, self.root, self.published)
        if listed is None:
            items, shared = self.unlisted()
        else:
            items, shared = read_list(listed.path, self.name, self.to_item), listed.shared
        self._is_divided = shared
        return self._divided(items) if shared else (items, {})

    def _divided(self, items: Sequence[SplitLine]) -> tuple[list[SplitLine], Mapping[str, Sequence[str]]]:
        frames = self.frames_of(items)
        kept, held_out = self.hold_out(frames, furthest_neighbour(self.request.frame_ids))
        training = self.request.part == "train"
        wanted = kept if training else held_out
        rest = frames_left_out(frames, kept, held_out) if training else {}
        names = {reason: [item_name(items[index]) for index in indices] for reason, indices in rest.items()}
        return [item for item, frame in zip(items, frames, strict=True) if frame in wanted], names
