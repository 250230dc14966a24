"""Image names of one folder as scenes and frame numbers, and which frames are neighbours in time."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.errors import UserError

WITH_SCENE = re.compile(r"(.+)_(\d+)")
WITH_NUMBER = re.compile(r"(.*?)(\d+)")
#: Names that are a number alone belong to this scene.
ONE_SEQUENCE = "-"
#: A step in the numbers this much longer than usual means that frames are missing between.
LONGEST_STEP = 1.5


class FrameNames:
    """The images of `folder`; raises UserError when two of them are the same frame."""

    def __init__(self, folder: str, files: DirectoryListing, suffixes: Sequence[str]) -> None:
        self._folder = folder
        self._stems: dict[tuple[str, int], str] = {}
        self._files: dict[str, str] = {}
        self._numbered_by_scene: set[str] = set()
        rank = {suffix: i for i, suffix in reversed(list(enumerate(suffixes)))}
        for name in sorted(files.names(folder)):
            stem, dot, extension = name.rpartition(".")
            suffix = dot + extension.lower()
            if suffix in rank:
                self._add(stem, name, suffix, rank)

    def _add(self, stem: str, name: str, suffix: str, rank: dict[str, int]) -> None:
        other = self._files.get(stem)
        if other is not None:  # the same image in two formats: the preferred one
            if rank[suffix] < rank["." + other.rpartition(".")[2].lower()]:
                self._files[stem] = name
            return
        frame = self._parse(stem)
        if frame in self._stems:
            raise UserError(
                f"{self._folder}: {name} and {self._files[self._stems[frame]]} are both frame {frame[1]} of "
                f"'{frame[0]}': rename one of them."
            )
        self._stems[frame] = stem
        self._files[stem] = name

    def _parse(self, stem: str) -> tuple[str, int]:
        found = WITH_SCENE.fullmatch(stem)
        if found is not None:
            self._numbered_by_scene.add(found[1])
            return found[1], int(found[2])
        found = WITH_NUMBER.fullmatch(stem)
        if found is not None:
            return found[1] or ONE_SEQUENCE, int(found[2])
        return stem, 0

    @property
    def frames(self) -> list[tuple[str, int]]:
        """Scene and number of every image."""
        return list(self._stems)

    def stem(self, scene: str, number: int) -> str:
        """The name without suffix; a likely one when there is no such image."""
        known = self._stems.get((scene, number))
        if known is not None:
            return known
        return f"{number}" if scene == ONE_SEQUENCE else f"{scene}_{number}"

    def path(self, scene: str, number: int) -> str:
        """The file of a frame; a likely one when there is no such image."""
        stem = self.stem(scene, number)
        return f"{self._folder}/{self._files.get(stem, stem + '.jpg')}"

    def neighbour(self, scene: str, number: int, offset: int) -> int | None:
        """The number of the frame `offset` steps later (earlier when negative); None when there is none."""
        if scene in self._numbered_by_scene:
            return number + offset
        numbers, step = self._sequences.get(scene, ([], 0.0))
        here = bisect_left(numbers, number)
        there = here + offset
        if not (here < len(numbers) and numbers[here] == number and 0 <= there < len(numbers)):
            return None
        low, high = min(here, there), max(here, there)
        longest = max(later - earlier for earlier, later in pairwise(numbers[low : high + 1]))
        return numbers[there] if longest <= LONGEST_STEP * step else None

    @cached_property
    def _sequences(self) -> dict[str, tuple[list[int], float]]:
        """Sorted numbers and their usual (median) step, for scenes whose frames are just consecutive."""
        by_scene: dict[str, list[int]] = {}
        for scene, number in sorted(self._stems):
            by_scene.setdefault(scene, []).append(number)
        result = {}
        for scene, numbers in by_scene.items():
            steps = sorted(later - earlier for earlier, later in pairwise(numbers))
            result[scene] = (numbers, float(steps[len(steps) // 2]) if steps else 0.0)
        return result
