"""The built-in drive on disk, in the layout of KITTI raw with KITTI depth's ground truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from selfsup_depth.datasets.builtin.cache import ensure_folder, render_frames
from selfsup_depth.datasets.builtin.camera import render, render_depth
from selfsup_depth.datasets.builtin.drive_scene import DriveScene
from selfsup_depth.datasets.builtin.kitti_text import (
    DRIVE,
    write_calibration,
    write_oxts,
    write_poses,
    write_timestamps,
)
from selfsup_depth.datasets.builtin.lidar import scan
from selfsup_depth.datasets.builtin.raycast import require_embree
from selfsup_depth.datasets.builtin.rig import Rig
from selfsup_depth.datasets.builtin.splitting import split_frames, write_lists
from selfsup_depth.errors import UserError

#: Raised whenever the same parameters give other files than before.
FORMAT_VERSION = 1
MAX_DEPTH = 250.0  # metres; beyond, and sky, the depth files say 0
_COLOUR_CAMERAS = (2, 3)


@dataclass(frozen=True)
class DriveSettings:
    """What decides the files of a drive."""

    frames: int
    height: int
    width: int
    seed: int


def ensure_builtin_drive(
    cache_dir: Path | None = None,
    *,
    frames: int = 200,
    height: int = 128,
    width: int = 416,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """A KITTI raw root with one synthetic stereo drive, rendered at the first call and cached.

    Pictures of `height` x `width`, exact depth of both cameras, laser scans, poses, and split lists in
    `splits/`. `cache_dir` defaults to `$SELFSUP_DEPTH_CACHE` or `~/.cache/selfsup_depth`; `workers` is
    the number of processes that render (default: one per core, at most 8). Raises UserError when a
    number makes no sense or embreex is missing.
    """
    settings = DriveSettings(frames, height, width, seed)
    _check(settings)
    parameters = {"data": "builtin drive", "format_version": FORMAT_VERSION, **asdict(settings)}
    name = f"drive_v{FORMAT_VERSION}_n{frames}_{width}x{height}_seed{seed}"
    return ensure_folder(cache_dir, name, parameters, partial(_render_drive, settings, workers))


def _check(settings: DriveSettings) -> None:
    if settings.frames < 6:
        raise UserError(f"The built-in drive needs at least 6 frames to have a split, not frames={settings.frames}.")
    if settings.height < 16 or settings.width < 16:
        raise UserError(
            f"The built-in drive's pictures are at least 16 x 16 pixels, not height={settings.height}, "
            f"width={settings.width}."
        )
    if settings.seed < 0:
        raise UserError(f"The seed of the built-in drive is 0 or more, not seed={settings.seed}.")


def _render_drive(settings: DriveSettings, workers: int | None, root: Path) -> None:
    require_embree()
    rig = Rig(settings.width, settings.height)
    poses = DriveScene(settings.frames, settings.seed).world_T_rect
    write_calibration(root, rig)
    write_timestamps(root, settings.frames)
    write_poses(root, poses)
    write_oxts(root, poses @ rig.rect_T_velo @ rig.velo_T_imu)
    training, held_out = split_frames(settings.frames)
    left = [f"{DRIVE} {n} l" for n in held_out]
    write_lists(root, {"train": [f"{DRIVE} {n} {side}" for n in training for side in "lr"], "val": left, "test": left})
    task = partial(_render_frame, settings, root)
    render_frames(task, settings.frames, workers, of="drive", forget=_scene.cache_clear)


@lru_cache(maxsize=1)
def _scene(frames: int, seed: int) -> DriveScene:
    return DriveScene(frames, seed)


def _render_frame(settings: DriveSettings, root: Path, frame_index: int) -> None:
    """Both pictures, both depth maps and the scan of one frame."""
    scene, rig = _scene(settings.frames, settings.seed), Rig(settings.width, settings.height)
    shader, pose = scene.shader(frame_index), scene.world_T_rect[frame_index]
    drive = root / DRIVE
    for number in _COLOUR_CAMERAS:
        camera_pose = pose @ rig.rect_T_camera(number)
        picture = Image.fromarray(render(shader, rig.camera, camera_pose))
        _save(picture, drive / f"image_0{number}" / "data" / f"{frame_index:010d}.png")
        depth, _ = render_depth(shader, rig.camera, camera_pose)
        folder = drive / "proj_depth" / "groundtruth" / f"image_0{number}"
        _save(Image.fromarray(encode_depth(depth)), folder / f"{frame_index:010d}.png")
    half_view = np.degrees(np.arctan(0.5 * rig.width / rig.camera.fx)) + 5.0
    points = scan(shader, pose @ rig.rect_T_velo, half_view)
    path = drive / "velodyne_points" / "data" / f"{frame_index:010d}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    points.tofile(path)


def encode_depth(depth: NDArray[np.float64]) -> NDArray[np.uint16]:
    """KITTI depth's numbers: metres * 256, 0 where there is none (sky, or beyond 250 m)."""
    known = np.where(depth <= MAX_DEPTH, depth, 0.0)
    return np.rint(known * 256.0).astype(np.uint16)


def _save(picture: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, compress_level=4)
