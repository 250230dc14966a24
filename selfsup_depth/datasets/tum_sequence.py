"""One sequence in the layout of the TUM RGB-D benchmark: its frames, maps and poses brought together by their times."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

import numpy as np

from selfsup_depth.datasets.frame_order import FrameOrder
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.datasets.tum_devkit import TimedFiles, nearest, read_files, read_trajectory
from selfsup_depth.errors import UserError


class TumSequence:
    """One folder: which depth map and which pose belong to each image of rgb.txt.

    Raises UserError when one of the lists cannot be read.
    """

    def __init__(self, name: str, folder: str, footage: FootageOptions) -> None:
        self.name = name
        self.folder = folder
        self.images = read_files(Path(folder) / "rgb.txt")
        period = None if footage.fps is None else 1 / footage.fps
        self.order = FrameOrder(self.images.times.tolist(), every=footage.frame_step, period=period)
        self.taken = set(self.order.taken)
        depth_list = Path(folder) / "depth.txt"
        self.maps = read_files(depth_list) if depth_list.is_file() else TimedFiles(np.zeros(0), ())
        self._map_of_image = nearest(self.maps.times, self.images.times).tolist()

    def image_path(self, row: int) -> str:
        return f"{self.folder}/{self.images.files[row]}"

    def depth_path(self, row: int) -> str | None:
        """None: no map is of the same instant."""
        index = self._map_of_image[row]
        return None if index < 0 else f"{self.folder}/{self.maps.files[index]}"

    def world_T_camera(self, row: int) -> np.ndarray | None:
        """[4, 4] float64 metres; None: the ground truth does not reach there."""
        if self._poses is None:
            return None
        matrices, known = self._poses
        return matrices[row] if known[row] else None

    @cached_property
    def _poses(self) -> tuple[np.ndarray, np.ndarray] | None:
        path = Path(self.folder) / "groundtruth.txt"
        return read_trajectory(path).at(self.images.times) if path.is_file() else None


def sequence_folders(root: str) -> dict[str, str]:
    """Name -> folder of the sequences at or below a data path. Raises UserError when there is none."""
    if os.path.isfile(f"{root}/rgb.txt"):
        return {os.path.basename(os.path.abspath(root)): root}
    found = {name: f"{root}/{name}" for name in sorted(os.listdir(root)) if os.path.isfile(f"{root}/{name}/rgb.txt")}
    if not found:
        raise UserError(
            f"{root}/rgb.txt is missing, and no folder in {root} has one: give a sequence in the layout of the TUM "
            "RGB-D benchmark, or a folder of sequences, as --data_path."
        )
    return found
