"""KITTI odometry: `sequences/NN/image_{2,3}/000000.jpg` (or .png), `calib.txt`, and `poses/NN.txt`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.held_out import Frame, frames_left_out, furthest_neighbour, hold_out, more_to_validate_on
from selfsup_depth.datasets.index import PURPOSE, item_name
from selfsup_depth.datasets.kitti_devkit import RectifiedCamera, read_odometry_calibration, read_poses, read_times
from selfsup_depth.datasets.kitti_views import MISSING_FILES, KittiSource, camera_number
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine, parse_line, read_split

#: calib.txt does not say its image size. KITTI's principal points lie within 5 % of the centre of their
#: images; of images resized to 1024x320 or less they would be off by 9 % or more.
CENTRE_TOLERANCE = 0.08
#: What the published list divides: these parts share the sequences.
DIVIDED = ("train", "val")


class KittiOdometry(KittiSource):
    """There is no ground-truth depth; the trajectory is known where it is published (00 to 10).

    Where nobody names a list and the published one has no image here for training or for validation, all frames of the
    sequences that are here are used, and about a tenth of them is held out (`held_out`).
    """

    name = "kitti_odom"
    default_split = "odom"

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self._poses: dict[str, np.ndarray] = {}
        self._times: dict[str, list[float]] = {}

    def check_line(self, line: SplitLine) -> None:
        super().check_line(line)
        if not line.folder.isdecimal():
            raise ValueError(
                "does not begin with a sequence number, expected lines like '9 0 l' as in an odometry --split"
            )

    def items(self) -> Sequence[SplitLine]:
        if self._part_without_images is None:
            return super().items()
        kept, held_out = self._division
        frames = kept if self.request.part == "train" else held_out
        return [view for view in self._views_here if (view.folder, view.frame) in frames]

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        if self._part_without_images is None or self.request.part != "train":
            return {}
        views = self._views_here
        why = f"the list {self.default_split} has no images here for {PURPOSE[self._part_without_images]}"
        left_out = frames_left_out([(view.folder, view.frame) for view in views], *self._division)
        return {
            f"{reason} ({why})": [item_name(views[index]) for index in indices] for reason, indices in left_out.items()
        }

    def remedy(self, reason: str | None) -> str | None:
        if self._part_without_images is None or reason in MISSING_FILES:
            return super().remedy(reason)
        return more_to_validate_on(furthest_neighbour(self.request.frame_ids))

    @cached_property
    def _part_without_images(self) -> str | None:
        """The part for which the published list has no image here; None where it is to be used, or another list is."""
        request = self.request
        own_list = any(self.files.has(f"{self.root}/{part}_files.txt") for part in DIVIDED)
        if request.part not in DIVIDED or request.has_list or own_list or not self._views_here:
            return None
        for part in DIVIDED:
            if not any(self.has_image(parse_line(line)) for line in read_split(self.default_split, part)):
                return part
        return None

    @cached_property
    def _views_here(self) -> list[SplitLine]:
        """Every image of both cameras, by sequence and frame."""
        views = []
        for name in sorted(filter(str.isdecimal, self.files.names(f"{self.root}/sequences"))):
            for side, camera in (("l", 2), ("r", 3)):
                files = map(Path, self.files.names(f"{self.root}/sequences/{name}/image_{camera}"))
                frames = {int(file.stem) for file in files if file.stem.isdecimal() and file.suffix in self.suffixes}
                views += [SplitLine(str(int(name)), frame, side) for frame in frames]
        return sorted(views, key=lambda view: (int(view.folder), view.frame, view.side))

    @cached_property
    def _division(self) -> tuple[set[Frame], set[Frame]]:
        frames = [(view.folder, view.frame) for view in self._views_here]
        return hold_out(frames, furthest_neighbour(self.request.frame_ids))

    def image_path(self, view: SplitLine) -> str:
        folder = f"{self._sequence(view.folder)}/image_{camera_number(view)}"
        return self.files.find(folder, f"{view.frame:06d}", self.suffixes)

    def calibration_file(self, folder: str) -> str:
        return f"{self._sequence(folder)}/calib.txt"

    def read_cameras(self, folder: str) -> dict[int, RectifiedCamera]:
        return read_odometry_calibration(Path(self.calibration_file(folder)))

    def fitted(self, camera: RectifiedCamera, view: SplitLine, size: tuple[int, int]) -> Tensor:
        off_centre = max(abs(float(camera.intrinsics[axis, 2]) / size[axis] - 0.5) for axis in (0, 1))
        if off_centre > CENTRE_TOLERANCE:
            cx, cy = camera.intrinsics[0, 2].item(), camera.intrinsics[1, 2].item()
            raise UserError(
                f"{self.calibration_file(view.folder)} puts the principal point at ({cx:.0f}, {cy:.0f}), "
                f"which is not near the middle of {self.image_path(view)} ({size[0]}x{size[1]}): these images were "
                "resized or cropped. Use the original images, or --kitti_intrinsics published."
            )
        return camera.intrinsics

    def poses(self, folder: str) -> np.ndarray:
        """[N, 4, 4] float64 world_T_camera0 in metres of a sequence.

        Raises UserError when the file is missing or damaged.
        """
        return read_poses(Path(self._pose_file(folder)))

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        """[4, 4] float64 metres of the view's own camera, which stands beside camera 0, whose poses are published.

        None without the poses, beyond their last, and without the calibration that tells the camera's place.
        """
        folder = view.folder
        if folder not in self._poses:
            known = self.files.has(self._pose_file(folder)) and self.files.has(self.calibration_file(folder))
            self._poses[folder] = self.poses(folder) if known else np.zeros((0, 4, 4))
        cameras = self.cameras(folder) if view.frame < len(self._poses[folder]) else None
        if cameras is None:
            return None
        pose = self._poses[folder][view.frame].copy()
        # all cameras of the rig look the same way: a point of camera 0 plus t is a point of this one
        pose[:3, 3] -= pose[:3, :3] @ cameras[camera_number(view)].camera_t_reference
        return torch.from_numpy(pose)

    def time_s(self, view: SplitLine) -> float | None:
        """Seconds from the sequence's first frame; None without times.txt or beyond its last line."""
        if view.folder not in self._times:
            path = f"{self._sequence(view.folder)}/times.txt"
            self._times[view.folder] = read_times(Path(path)) if self.files.has(path) else []
        times = self._times[view.folder]
        return times[view.frame] if view.frame < len(times) else None

    def _pose_file(self, folder: str) -> str:
        return f"{self.root}/poses/{int(folder):02d}.txt"

    def _sequence(self, folder: str) -> str:
        return f"{self.root}/sequences/{int(folder):02d}"
