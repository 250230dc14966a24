"""The frames of a folder of one's own footage: clips in order of time, thinned as asked, with their files."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence as Items
from itertools import pairwise
from pathlib import Path

from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.datasets.folder_layout import Sequence
from selfsup_depth.datasets.frame_names import ONE_SEQUENCE, FrameNames
from selfsup_depth.datasets.frame_order import FrameOrder
from selfsup_depth.datasets.held_out import Frame
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError

SIDES = "lr"
OTHER = {"l": "r", "r": "l"}
TIMES = "times.txt"


class Clip:
    """The frames of one scene, known by the numbers in their names."""

    def __init__(self, sequence: Sequence, scene: str, numbers: Items[int], *, every: int) -> None:
        self.sequence = sequence
        self.scene = scene
        self.numbers = list(numbers)  # ascending
        self._index = {number: index for index, number in enumerate(self.numbers)}
        # neighbours are counted in frames and not among those taken, so that a list may name any target
        self._order, self._every = FrameOrder(self.numbers), every
        self.taken = self.numbers[::every]
        self._times: list[float] | None = None

    def thin_to(self, frames_per_second: float, times: list[float]) -> None:
        """Take the frames nearest to a raster in time; `times` in seconds, one for each number."""
        self._order = FrameOrder(times, every=self._every, period=1.0 / frames_per_second)
        self._every = 1
        self.taken = [self.numbers[index] for index in self._order.taken]

    def neighbour(self, number: int, offset: int) -> int | None:
        index = self._index.get(number)
        found = None if index is None else self._order.neighbour(index, offset * self._every)
        return None if found is None else self.numbers[found]

    def index(self, number: int) -> int | None:
        """Where in the clip a frame stands."""
        return self._index.get(number)


class Clips:
    """All clips of a part. A clip is named by its sequence, or by its scene where a folder has several.

    Raises UserError when two images are the same frame, and when --fps is given without times.
    """

    def __init__(
        self, sequences: Items[Sequence], files: DirectoryListing, suffixes: Items[str], options: FootageOptions
    ) -> None:
        self._files = files
        self._clips: dict[str, Clip] = {}
        self.sequences = list(sequences)
        self._names = {sequence.name: _names_of(sequence, files, suffixes) for sequence in sequences}
        self._times: dict[str, list[float] | None] = {}
        for sequence in sequences:
            self._add(sequence, options.frame_step)
        if options.fps is not None:
            self._thin(options.fps)

    @property
    def frames(self) -> list[Frame]:
        """Clip and number of every frame taken, in order."""
        return [(name, number) for name, clip in sorted(self._clips.items()) for number in clip.taken]

    @property
    def passed_over(self) -> list[Frame]:
        """Those that thinning leaves out."""
        taken = set(self.frames)
        every = ((name, number) for name, clip in sorted(self._clips.items()) for number in clip.numbers)
        return [frame for frame in every if frame not in taken]

    @property
    def have_numbers(self) -> bool:
        return any(names.have_numbers for sides in self._names.values() for names in sides.values())

    def sequence(self, name: str) -> Sequence:
        """The sequence of a clip; of an unknown one the sequence that it would be in."""
        clip = self._clips.get(name)
        if clip is not None:
            return clip.sequence
        named = (s for s in self.sequences if s.name and (name == s.name or name.startswith(f"{s.name}/")))
        return next(named, self.sequences[0])

    def neighbour(self, name: str, number: int, offset: int) -> int | None:
        clip = self._clips.get(name)
        return None if clip is None else clip.neighbour(number, offset)

    def path(self, name: str, number: int, side: str) -> str:
        """The file of a frame, or where it would be if it existed."""
        sides = self._names[self.sequence(name).name]
        if side not in sides:
            return f"{self.sequence(name).folder}/right/{self.stem(name, number)}"
        return sides[side].path(self._scene(name), number, like=sides.get(OTHER[side]))

    def stem(self, name: str, number: int) -> str:
        """The name of the left (or only) camera's image without its suffix."""
        return self._names[self.sequence(name).name]["l"].stem(self._scene(name), number)

    def time_s(self, name: str, number: int) -> float | None:
        """Seconds, from times.txt; None: there is none, or no such frame.

        Raises UserError when it does not fit the frames.
        """
        clip = self._clips.get(name)
        index = None if clip is None else clip.index(number)
        if clip is None or index is None:
            return None
        if name not in self._times:
            self._times[name] = self._read_times(clip)
        times = self._times[name]
        return None if times is None else times[index]

    def _scene(self, name: str) -> str:
        clip = self._clips.get(name)
        if clip is not None:
            return clip.scene
        sequence = self.sequence(name)
        return name.removeprefix(sequence.name).strip("/") or ONE_SEQUENCE

    def _add(self, sequence: Sequence, every: int) -> None:
        numbers: dict[str, set[int]] = {}
        for names in self._names[sequence.name].values():
            for scene, number in names.frames:
                numbers.setdefault(scene, set()).add(number)
        for scene, those in numbers.items():
            inside = [sequence.name] if sequence.name else []
            if not sequence.name or len(numbers) > 1:
                inside.append(scene)
            self._clips["/".join(inside)] = Clip(sequence, scene, sorted(those), every=every)

    def _thin(self, frames_per_second: float) -> None:
        for name, clip in self._clips.items():
            times = self._times[name] = self._read_times(clip)
            if times is None:
                raise UserError(
                    f"--fps {frames_per_second:g} needs the time of each frame, but {clip.sequence.folder}/{TIMES} is "
                    "missing: write the seconds there, a line for each frame, or take every Nth frame with "
                    "--frame_step N."
                )
            clip.thin_to(frames_per_second, times)

    def _read_times(self, clip: Clip) -> list[float] | None:
        folder = clip.sequence.folder
        path = f"{folder}/{TIMES}"
        if not self._files.has(path):
            path = f"{os.path.dirname(os.path.abspath(folder))}/{TIMES}"  # KITTI's odometry has it above image_2
            if clip.sequence.name or clip.sequence.is_stereo or not os.path.isfile(path):
                return None
        if sum(other.sequence == clip.sequence for other in self._clips.values()) > 1:
            raise UserError(
                f"{path} gives the times of one clip, but the images of {folder} belong to several (what stands before "
                "the number in their names): put each clip into a sub-folder with its own times."
            )
        return read_times(Path(path), len(clip.numbers))


def read_times(path: Path, frames: int) -> list[float]:
    """Seconds of each frame, a line each, ascending.

    Raises UserError when the lines are something else or of another number.
    """
    try:
        words = path.read_text(encoding="utf-8-sig").split("\n")
        times = [float(line) for line in words if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} must have the seconds of a frame in each line ({error}): correct it.") from error
    if len(times) != frames:
        raise UserError(
            f"{path} has {len(times)} times, but there are {frames} frames: give one line for each frame, or remove it."
        )
    if not all(math.isfinite(time) for time in times) or any(later <= earlier for earlier, later in pairwise(times)):
        raise UserError(f"{path} must have ascending times in seconds: correct it.")
    return times


def _names_of(sequence: Sequence, files: DirectoryListing, suffixes: Items[str]) -> dict[str, FrameNames]:
    sides = SIDES if sequence.is_stereo else SIDES[:1]
    return {side: FrameNames(sequence.images_of(side), files, suffixes) for side in sides}
