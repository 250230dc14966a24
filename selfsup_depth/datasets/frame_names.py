"""Image names of one folder as scenes and frame numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.errors import UserError

WITH_SCENE = re.compile(r"(.+)_(\d+)")
WITH_NUMBER = re.compile(r"(.*?)(\d+)")
#: Names that are a number alone belong to this scene.
ONE_SEQUENCE = "-"


class FrameNames:
    """The images of `folder`; raises UserError when two of them are the same frame."""

    def __init__(self, folder: str, files: DirectoryListing, suffixes: Sequence[str]) -> None:
        self._folder = folder
        self._stems: dict[tuple[str, int], str] = {}
        self._files: dict[str, str] = {}
        self._spelling: dict[str, tuple[str, int, str]] = {}  # scene -> what stands before the digits, how many, suffix
        rank = {suffix: i for i, suffix in reversed(list(enumerate(suffixes)))}
        for name in sorted(files.names(folder)):
            if name.startswith("."):  # what macOS and editors leave beside the images
                continue
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
        before = stem.rstrip("0123456789")
        digits = len(stem) - len(before)
        fewest = min(digits, self._spelling.get(frame[0], ("", digits, ""))[1])
        self._spelling[frame[0]] = (before, fewest, name[len(stem) :])

    def _parse(self, stem: str) -> tuple[str, int]:
        found = WITH_SCENE.fullmatch(stem)
        if found is not None:
            return found[1], int(found[2])
        found = WITH_NUMBER.fullmatch(stem)
        if found is not None:
            return found[1] or ONE_SEQUENCE, int(found[2])
        return stem, 0

    @property
    def frames(self) -> list[tuple[str, int]]:
        """Scene and number of every image."""
        return list(self._stems)

    @property
    def have_numbers(self) -> bool:
        """Whether any name has digits that say where in time its image stands."""
        return any(digits for _, digits, _ in self._spelling.values())

    def stem(self, scene: str, number: int) -> str:
        """The name without suffix; a likely one when there is no such image."""
        known = self._stems.get((scene, number))
        return known if known is not None else self._likely(scene, number).rpartition(".")[0]

    def path(self, scene: str, number: int, like: FrameNames | None = None) -> str:
        """The file of a frame; when there is no such image, what it would be called beside those here or in `like`."""
        places = (self, like) if like is not None else (self,)
        stems = ((place, place._stems.get((scene, number))) for place in places)
        name = next((place._files[stem] for place, stem in stems if stem is not None), None)
        if name is None:
            name = next((place for place in places if scene in place._spelling), self)._likely(scene, number)
        return f"{self._folder}/{name}"

    def _likely(self, scene: str, number: int) -> str:
        """File name of an image that is not here, spelled as the others of its scene."""
        unknown = ("" if scene == ONE_SEQUENCE else f"{scene}_", 1, ".jpg")
        before, digits, suffix = self._spelling.get(scene, unknown)
        return f"{before}{number:0{digits}d}{suffix}" if digits else f"{before}{suffix}"
