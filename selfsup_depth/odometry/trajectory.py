"""A trajectory: where a camera was, frame by frame, and how it is written.

`world_T_camera` maps points of the camera's frame (x right, y down, z forward) to the world's, as KITTI, TUM and
most tools have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from selfsup_depth.errors import UserError

Poses = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """Consecutive frames of one sequence."""

    name: str
    world_T_camera: Poses  # [N, 4, 4]; metres, or up to one factor
    frames: tuple[str, ...]  # names of the N frames
    times_s: tuple[float, ...] | None = None  # None: the data does not say when frames were taken

    def __len__(self) -> int:
        return len(self.world_T_camera)

    @property
    def positions(self) -> NDArray[np.float64]:
        """[N, 3] where the camera was."""
        return self.world_T_camera[:, :3, 3]


def chain(next_T_this: Poses) -> Poses:
    """[N + 1, 4, 4] world_T_camera of N steps, the world being the first camera.

    Args:
        next_T_this: [N, 4, 4] maps points of a frame to the frame after it, as a pose network says.
    """
    poses = [np.eye(4)]
    for step in next_T_this:
        poses.append(poses[-1] @ np.linalg.inv(step))
    return np.stack(poses)


def steps_of(world_T_camera: Poses) -> Poses:
    """[N - 1, 4, 4] next_T_this of N poses: the inverse of `chain`."""
    return np.linalg.inv(world_T_camera[1:]) @ world_T_camera[:-1]


def write_kitti(path: Path, trajectory: Trajectory) -> None:
    """Twelve numbers a line: the first three rows of world_T_camera, as KITTI's poses/NN.txt."""
    np.savetxt(path, trajectory.world_T_camera[:, :3].reshape(len(trajectory), 12), fmt="%.9e")


def write_tum(path: Path, trajectory: Trajectory) -> None:
    """`time x y z qx qy qz qw` a line, as TUM's groundtruth.txt; without times, with the number of the frame."""
    times = trajectory.times_s or range(len(trajectory))
    quaternions = Rotation.from_matrix(trajectory.world_T_camera[:, :3, :3]).as_quat()
    rows = np.column_stack([times, trajectory.positions, quaternions])
    np.savetxt(path, rows, fmt=["%.6f"] + ["%.9f"] * 7, header="time x y z qx qy qz qw")


def read_tum(path: Path) -> tuple[NDArray[np.float64], Poses]:
    """Times [N] and world_T_camera [N, 4, 4] of a file in TUM's format.

    Raises UserError when the file is missing or a line has not eight numbers.
    """
    try:
        rows = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: a trajectory 'time x y z qx qy qz qw' was to be read there.") from error
    except ValueError as error:
        raise UserError(f"{path} is not a trajectory 'time x y z qx qy qz qw' ({error}): correct the file.") from error
    if rows.shape[1:] != (8,):
        raise UserError(
            f"{path}: expected lines of eight numbers 'time x y z qx qy qz qw', found {rows.shape[-1]}: correct the "
            "file."
        )
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, 3] = rows[:, 1:4]
    poses[:, :3, :3] = Rotation.from_quat(rows[:, 4:]).as_matrix()
    return rows[:, 0], poses
