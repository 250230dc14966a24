"""The table of the splits known by name: their parts, and the file each part is called in Monodepth2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from splits import kitti_rules
from splits.kitti_rules import FrameRun

#: "all" is train + val + the guard between them: the published union of train and val.
PARTS = ("train", "val", "test", "all")


@dataclass(frozen=True)
class Split:
    """A split known by name."""

    folder: str  # where Monodepth2 keeps its lists
    parts: Mapping[str, Callable[[], tuple[str, ...]]]
    test_file: str = "test_files.txt"

    def file_name(self, part: str) -> str:
        """Monodepth2's name of the part's file."""
        return self.test_file if part == "test" else f"{part}_files.txt"


@cache
def _training_lines(runs: Callable[[], tuple[FrameRun, ...]], part: str) -> tuple[str, ...]:
    return kitti_rules.run_lines(runs(), part)


def _training(runs: Callable[[], tuple[FrameRun, ...]]) -> dict[str, Callable[[], tuple[str, ...]]]:
    return {part: partial(_training_lines, runs, part) for part in ("train", "val", "all")}


SPLITS: Mapping[str, Split] = {
    "eigen_zhou": Split("eigen_zhou", _training(kitti_rules.eigen_zhou)),
    "eigen_full": Split("eigen_full", _training(kitti_rules.eigen_full)),
    "odom": Split("odom", _training(kitti_rules.odometry)),
    "benchmark": Split("benchmark", _training(kitti_rules.benchmark) | {"test": kitti_rules.benchmark_test}),
    "eigen": Split("eigen", {"test": kitti_rules.eigen_test}),
    "eigen_benchmark": Split("eigen_benchmark", {"test": kitti_rules.eigen_benchmark_test}),
    "odom_9": Split("odom", {"test": partial(kitti_rules.odometry_test, 9)}, "test_files_09.txt"),
    "odom_10": Split("odom", {"test": partial(kitti_rules.odometry_test, 10)}, "test_files_10.txt"),
}
