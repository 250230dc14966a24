"""The facts of `kitti_facts` as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from splits import kitti_facts


@dataclass(frozen=True)
class Drive:
    """One raw recording; its frames are 0 .. frame_count - 1."""

    key: str  # "0926.13"
    frame_count: int
    static: frozenset[int]  # frames in which the car stands still
    eigen_test: tuple[int, ...]  # in published order; empty: not a test drive

    @property
    def date(self) -> str:
        """`2011_09_26`."""
        return f"2011_{self.key[:2]}_{self.key[2:4]}"

    @property
    def name(self) -> str:
        """`2011_09_26_drive_0013`."""
        return f"{self.date}_drive_{int(self.key.split('.')[1]):04d}"

    @property
    def folder(self) -> str:
        """`2011_09_26/2011_09_26_drive_0013_sync`, the first word of a line of a raw list."""
        return f"{self.date}/{self.name}_sync"


@dataclass(frozen=True)
class Sequence:
    """One odometry sequence: a stretch of a raw drive, renumbered from 0."""

    number: int
    drive: Drive
    first: int  # frame of the drive that is frame 0 here
    length: int


@cache
def drives() -> Mapping[str, Drive]:
    """The 61 raw drives by key, ascending by date and number."""
    eigen = _table(kitti_facts.EIGEN_TEST_FRAMES)
    counts = {
        f"{day}.{number}": int(count)
        for day, entries in _table(kitti_facts.DRIVES).items()
        for number, count in (entry.split("=") for entry in entries)
    }
    static = _static_frames()
    return MappingProxyType(
        {
            key: Drive(key, count, static.get(key, frozenset()), tuple(map(int, eigen.get(key, ()))))
            for key, count in counts.items()
        }
    )


@cache
def sequences() -> Mapping[int, Sequence]:
    """Odometry sequences 0 to 10 by number."""
    found = {}
    for number, (key, first, last) in _table(kitti_facts.ODOMETRY).items():
        # The drive of sequence 3 was never published among the raw drives: all that is known is its length.
        drive = drives().get(key) or Drive(key, int(last) + 1, frozenset(), ())
        found[int(number)] = Sequence(int(number), drive, int(first), int(last) - int(first) + 1)
    return MappingProxyType(found)


@cache
def benchmark_val_drives() -> frozenset[str]:
    """Keys of the drives that the depth benchmark validates on."""
    return frozenset(kitti_facts.BENCHMARK_VAL_DRIVES.split())


@cache
def frames_without_lidar(key: str) -> frozenset[int]:
    """Frames of the drive that have images but no lidar scan."""
    return _ranges(_table(kitti_facts.NO_LIDAR_FRAMES).get(key, []))


@cache
def _static_frames() -> dict[str, frozenset[int]]:
    return {key: _ranges(words) for key, words in _table(kitti_facts.STATIC_FRAMES).items()}


def _table(text: str) -> dict[str, list[str]]:
    """`key: word word ... key: word` -> the words of each key, in order."""
    table: dict[str, list[str]] = {}
    for word in text.split():
        if word.endswith(":"):
            words = table.setdefault(word[:-1], [])
        else:
            words.append(word)
    return table


def _ranges(words: list[str]) -> frozenset[int]:
    """`["3", "5-7"]` -> {3, 5, 6, 7}."""
    frames: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        frames.update(range(int(first), int(last or first) + 1))
    return frozenset(frames)
