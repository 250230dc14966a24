"""A recording of the street in memory, read by a `ViewSource`: plain data, so that a test can spoil any part of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from street_scene import BASELINE, K, render, to_the_right, trajectory
from torch import Tensor

from selfsup_depth.datasets import DatasetRequest, ViewDataset, ViewSource
from splits import SplitLine

FRAMES = 9


@dataclass
class Recording:
    """Lists have one entry per frame."""

    left: list[np.ndarray]  # [H, W, 3] uint8
    right: list[np.ndarray]
    depth: list[np.ndarray]  # [H, W] float32 metres, of the left images
    poses: list[np.ndarray]  # [4, 4] world_T_left
    left_K: np.ndarray  # [3, 3] pixels, corner origin
    right_K: np.ndarray
    right_T_left: np.ndarray  # [4, 4] metres
    has_poses: bool = True
    has_depth: bool = True
    names: list[str] | None = None  # file names of the frames
    recorded_size: tuple[int, int] | None = None  # (width, height) of what the images are copies of
    camera_is_guess: bool = False

    def copy(self) -> Recording:
        return deepcopy(self)


def record(poses: Sequence[np.ndarray]) -> Recording:
    """The street as a rig sees it from these places."""
    left = [render(pose) for pose in poses]
    right = [render(to_the_right(pose))[0] for pose in poses]
    right_T_left = np.eye(4)
    right_T_left[0, 3] = -BASELINE
    images, depth = [image for image, _ in left], [depth for _, depth in left]
    return Recording(images, right, depth, list(poses), K.copy(), K.copy(), right_T_left)


@lru_cache(maxsize=1)
def drive() -> Recording:
    """Nine frames of a drive along the street; copy it before changing it."""
    return record(trajectory(FRAMES))


class RecordingSource(ViewSource):
    """Left images as targets, in the order of the lists."""

    has_stereo = True
    has_depth_maps = True

    def __init__(self, request: DatasetRequest, recording: Recording) -> None:
        super().__init__(request)
        self.recording = recording
        self.recorded_size, self.camera_is_guess = recording.recorded_size, recording.camera_is_guess

    def items(self) -> list[SplitLine]:
        return [SplitLine("street", n, "l") for n in range(len(self.recording.left))]

    def image_path(self, view: SplitLine) -> str:
        names = self.recording.names
        name = f"frame {view.frame}" if names is None or view.frame >= len(names) else names[view.frame]
        return f"street/{'left' if view.side == 'l' else 'right'}/{name}"

    def has_image(self, view: SplitLine) -> bool:
        return view.frame < len(self.recording.left)

    def read_image(self, view: SplitLine) -> Tensor:
        images = self.recording.left if view.side == "l" else self.recording.right
        return torch.from_numpy(images[view.frame].copy()).permute(2, 0, 1)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return torch.from_numpy(self.recording.left_K if view.side == "l" else self.recording.right_K)

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        return torch.from_numpy(self.recording.right_T_left)

    def has_depth(self, item: SplitLine) -> bool:
        return self.recording.has_depth

    def depth(self, item: SplitLine) -> np.ndarray:
        return self.recording.depth[item.frame]

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        if not self.recording.has_poses:
            return None
        pose = self.recording.poses[view.frame]
        if view.side == "r":
            pose = pose @ np.linalg.inv(self.recording.right_T_left)
        return torch.from_numpy(pose)


def dataset_of(recording: Recording, frame_ids: tuple[int | str, ...] = (0, -1, 1, "s")) -> ViewDataset:
    height, width = recording.left[0].shape[:2]
    request = DatasetRequest(height, width, frame_ids)
    return ViewDataset("recording", RecordingSource(request, recording), request)


def write_folder(recording: Recording, root: Path) -> Path:
    """left/, right/, depth/ (16 bits, metres * 256) and calib.json, for --dataset stereo_folder."""
    for side in ("left", "right", "depth"):
        (root / side).mkdir(parents=True)
    for n, (left, right, depth) in enumerate(zip(recording.left, recording.right, recording.depth, strict=True)):
        Image.fromarray(left).save(root / "left" / f"street_{n:03d}.png", compress_level=1)
        Image.fromarray(right).save(root / "right" / f"street_{n:03d}.png", compress_level=1)
        Image.fromarray((depth * 256).astype(np.uint16)).save(root / "depth" / f"street_{n:03d}.png")
    height, width = recording.left[0].shape[:2]
    numbers = {
        "image_width": width, "image_height": height, "pixel_origin": "corner",
        "fx": recording.left_K[0, 0], "fy": recording.left_K[1, 1],
        "cx": recording.left_K[0, 2], "cy": recording.left_K[1, 2], "baseline_m": BASELINE,
    }  # fmt: skip
    (root / "calib.json").write_text(json.dumps(numbers))
    return root
