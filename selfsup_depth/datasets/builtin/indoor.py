"""The built-in rooms on disk, in the layout of SimSIN: NNN_0 is the left and NNN_1 the right picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from selfsup_depth.datasets.builtin.cache import ensure_folder, render_frames
from selfsup_depth.datasets.builtin.camera import Camera, render, render_depth
from selfsup_depth.datasets.builtin.raycast import require_embree
from selfsup_depth.datasets.builtin.rig import rigid
from selfsup_depth.datasets.builtin.rooms import RoomScene
from selfsup_depth.datasets.builtin.splitting import split_frames, write_lists
from selfsup_depth.errors import UserError

#: Raised whenever the same parameters give other files than before.
FORMAT_VERSION = 1
BASELINE = 0.1312  # metres, SimSIN's
_MOST_ROOMS = 5


@dataclass(frozen=True)
class IndoorSettings:
    """What decides the files of the rooms."""

    frames: int
    size: int
    seed: int

    @property
    def frames_of_rooms(self) -> tuple[int, ...]:
        """Frames of each room: one room for every 8 frames, at most 5 rooms."""
        rooms = max(1, min(_MOST_ROOMS, self.frames // 8))
        return tuple(self.frames // rooms + (i < self.frames % rooms) for i in range(rooms))


def ensure_builtin_indoor(
    cache_dir: Path | None = None,
    *,
    frames: int = 150,
    size: int = 256,
    seed: int = 0,
    workers: int | None = None,
) -> Path:
    """A SimSIN root with stereo sequences of up to five rooms, rendered at the first call and cached.

    `frames` in all, pictures of `size` x `size` with a field of view of 90 degrees, depth of both sides as
    float32 metres (0 = none), left-camera-to-world poses in `<room>/poses.txt`, lists in `splits/`.
    `cache_dir` and `workers` as in `ensure_builtin_drive`. Raises UserError when a number makes no sense
    or embreex is missing.
    """
    settings = IndoorSettings(frames, size, seed)
    _check(settings)
    parameters = {"data": "builtin indoor", "format_version": FORMAT_VERSION, **asdict(settings)}
    name = f"indoor_v{FORMAT_VERSION}_n{frames}_{size}x{size}_seed{seed}"
    return ensure_folder(cache_dir, name, parameters, partial(_render_rooms, settings, workers))


def _check(settings: IndoorSettings) -> None:
    if not 6 <= settings.frames <= 1000 * _MOST_ROOMS:
        raise UserError(
            f"The built-in rooms have 6 to 5000 frames (file names have three digits), not frames={settings.frames}."
        )
    if settings.size < 16:
        raise UserError(f"The built-in rooms' pictures are at least 16 pixels wide, not size={settings.size}.")
    if settings.seed < 0:
        raise UserError(f"The seed of the built-in rooms is 0 or more, not seed={settings.seed}.")


def _render_rooms(settings: IndoorSettings, workers: int | None, root: Path) -> None:
    require_embree()
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, frames in enumerate(settings.frames_of_rooms):
        room = f"room_{number}"
        (root / room).mkdir()
        poses = RoomScene(frames, settings.seed, number).world_T_left
        lines = (" ".join(f"{value:.12e}" for value in pose[:3].ravel()) for pose in poses)
        (root / room / "poses.txt").write_text("\n".join(lines) + "\n")
        training, held_out = split_frames(frames)
        lists["train"] += [f"{room}/{n:03d}_{k} {n} {'lr'[k]}" for n in training for k in (0, 1)]
        left = [f"{room}/{n:03d}_0 {n} l" for n in held_out]
        lists["val"] += left
        lists["test"] += left
    write_lists(root, lists)
    task = partial(_render_frame, settings, root)
    render_frames(task, settings.frames, workers, of="rooms", forget=_scene.cache_clear)


@lru_cache(maxsize=1)
def _scene(frames: int, seed: int, number: int) -> RoomScene:
    return RoomScene(frames, seed, number)


def _render_frame(settings: IndoorSettings, root: Path, index: int) -> None:
    """Both pictures and depth maps of one frame; frames are numbered through all rooms."""
    number, first = 0, 0
    while index - first >= settings.frames_of_rooms[number]:
        first += settings.frames_of_rooms[number]
        number += 1
    scene = _scene(settings.frames_of_rooms[number], settings.seed, number)
    camera = indoor_camera(settings.size)
    for side in (0, 1):
        pose = scene.world_T_left[index - first] @ rigid(np.eye(3), (side * BASELINE, 0.0, 0.0))
        stem = root / f"room_{number}" / f"{index - first:03d}_{side}"
        Image.fromarray(render(scene.shader, camera, pose)).save(stem.with_suffix(".png"), compress_level=4)
        np.save(f"{stem}_depth.npy", known_depth(render_depth(scene.shader, camera, pose)[0]))


def indoor_camera(size: int) -> Camera:
    """Square, 90 degrees wide, the principal point in the middle."""
    return Camera(size / 2, size / 2, size / 2, size / 2, size, size)


def known_depth(depth: NDArray[np.float64]) -> NDArray[np.float32]:
    """Metres, 0 where the ray leaves through the window into the sky."""
    return np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)
