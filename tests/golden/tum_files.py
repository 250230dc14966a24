"""The rendered wall in the layout of the TUM RGB-D benchmark, written without any of the readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from posed_wall import Pinhole, see_wall, walk
from scipy.spatial.transform import Rotation

#: freiburg3 as published: counted from the centre of the first pixel, hence the 0.5; a tenth of the size.
FREIBURG3 = Pinhole(64, 48, 53.54, 53.92, (320.1 + 0.5) / 10, (247.6 + 0.5) / 10)
START, STEP = 1341845688.5, 0.0333
DEPTH_LATER = 0.007


def write_tum(
    folder: Path, frames: int = 6, *, camera: Pinhole = FREIBURG3, times: Sequence[float] | None = None
) -> Path:
    """A sequence whose depth maps come a little after the images, and whose poses come 100 times a second."""
    times = [START + STEP * frame for frame in range(frames)] if times is None else times
    images, maps = [], []
    for time, pose in zip(times, _poses_at(np.array(times)), strict=True):
        image, depth = see_wall(pose, camera)
        images.append(_save(folder, "rgb", time, Image.fromarray(image)))
        stored = np.where(depth < 13, depth * 5000, 0).astype(np.uint16)
        maps.append(_save(folder, "depth", time + DEPTH_LATER, Image.fromarray(stored)))
    (folder / "rgb.txt").write_text("# color images\n" + "".join(images))
    (folder / "depth.txt").write_text("# depth maps\n" + "".join(maps))
    dense = np.arange(times[0] - 0.013, times[-1] + 0.02, 0.01)
    rows = [trajectory_row(time, pose) for time, pose in zip(dense, _poses_at(dense), strict=True)]
    (folder / "groundtruth.txt").write_text("# timestamp tx ty tz qx qy qz qw\n" + "".join(rows))
    return folder


def trajectory_row(time: float, world_T_camera: np.ndarray) -> str:
    """Times have the benchmark's four decimals; poses have more, so that tests see the reader's own error."""
    quaternion = Rotation.from_matrix(world_T_camera[:3, :3]).as_quat()
    return f"{time:.4f} {' '.join(f'{value:.9f}' for value in (*world_T_camera[:3, 3], *quaternion))}\n"


def _poses_at(times: np.ndarray) -> np.ndarray:
    return walk((times - START) / STEP)


def _save(folder: Path, kind: str, time: float, image: Image.Image) -> str:
    """The line that names the image in the list of its kind."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    image.save(folder / kind / f"{time:.6f}.png", compress_level=1)
    return f"{time:.6f} {kind}/{time:.6f}.png\n"
