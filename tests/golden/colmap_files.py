"""COLMAP projects of the rendered wall as text and as binary, written without any of the readers."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from posed_wall import Pinhole, see_wall, walk
from scipy.spatial.transform import Rotation

WALL = Pinhole()
#: Pixels that see points: too few to be scored by, and enough.
FEW = ((3, 5), (20, 50), (40, 11), (60, 90))
MANY = tuple((row, column) for row in range(4, 64, 8) for column in range(4, 96, 8))
MODEL_NUMBERS = {
    "SIMPLE_PINHOLE": 0, "PINHOLE": 1, "SIMPLE_RADIAL": 2, "RADIAL": 3, "OPENCV": 4, "OPENCV_FISHEYE": 5,
    "FULL_OPENCV": 6, "FOV": 7,
}  # fmt: skip


@dataclass
class Shot:
    """One registered image: what images.txt says of it, and the pixels (corner origin) at which it sees which point."""

    name: str
    world_T_camera: np.ndarray
    camera: int = 1
    seen: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def pose(self) -> list[float]:
        """qw qx qy qz tx ty tz of world to camera."""
        camera_T_world = np.linalg.inv(self.world_T_camera)
        x, y, z, w = Rotation.from_matrix(camera_T_world[:3, :3]).as_quat()
        return [w, x, y, z, *camera_T_world[:3, 3]]


@dataclass
class Project:
    """What a model says."""

    shots: list[Shot]
    cameras: dict[int, tuple[str, int, int, Sequence[float]]]  # number -> model, width, height, parameters
    points: dict[int, np.ndarray] = field(default_factory=dict)

    def write(self, folder: Path, *, binary: bool) -> None:
        """cameras, images and points3D."""
        folder.mkdir(parents=True, exist_ok=True)
        if binary:
            (folder / "cameras.bin").write_bytes(self._binary_cameras())
            (folder / "images.bin").write_bytes(self._binary_images())
            (folder / "points3D.bin").write_bytes(self._binary_points())
            return
        cameras = [_line(n, model, w, h, *params) for n, (model, w, h, params) in self.cameras.items()]
        (folder / "cameras.txt").write_text("# Camera list with one line of data per camera:\n" + "".join(cameras))
        images = "# Image list with two lines of data per image:\n"
        for number, shot in enumerate(self.shots, start=1):
            images += _line(number, *shot.pose, shot.camera, shot.name)
            images += _line(*[value for sighting in shot.seen for value in sighting])
        (folder / "images.txt").write_text(images, encoding="utf-8")
        points = [_line(n, *xyz, 255, 0, 0, 0.5, 1, 0) for n, xyz in self.points.items()]
        (folder / "points3D.txt").write_text("# 3D point list\n" + "".join(points))

    def _binary_cameras(self) -> bytes:
        content = struct.pack("<Q", len(self.cameras))
        for number, (model, width, height, params) in self.cameras.items():
            content += struct.pack("<IiQQ", number, MODEL_NUMBERS[model], width, height)
            content += struct.pack(f"<{len(params)}d", *params)
        return content

    def _binary_images(self) -> bytes:
        content = struct.pack("<Q", len(self.shots))
        for number, shot in enumerate(self.shots, start=1):
            content += struct.pack("<I7dI", number, *shot.pose, shot.camera) + shot.name.encode() + b"\0"
            content += struct.pack("<Q", len(shot.seen))
            for x, y, point in shot.seen:
                content += struct.pack("<ddq", x, y, point)
        return content

    def _binary_points(self) -> bytes:
        content = struct.pack("<Q", len(self.points))
        for number, xyz in self.points.items():
            content += struct.pack("<Q3d3BdQ", number, *xyz, 255, 0, 0, 0.5, 1) + struct.pack("<II", 1, 0)
        return content


def wall_project(
    frames: int = 6,
    camera: Pinhole = WALL,
    prefix: str = "walk_",
    *,
    pixels: Sequence[tuple[int, int]] = FEW,
    unit: float = 1.0,
) -> Project:
    """The wall from a walk; every image sees points of it at the centres of pixels, and something else.

    Args:
        pixels: row and column of each.
        unit: metres that the reconstruction takes for 1.
    """
    model = ("PINHOLE", camera.width, camera.height, (camera.fx, camera.fy, camera.cx, camera.cy))
    project = Project([], {1: model})
    for frame, pose in enumerate(walk(np.arange(frames))):
        world_T_camera = in_unit(pose, unit)
        shot = Shot(f"{prefix}{frame:04d}.png", world_T_camera)
        _, depth = see_wall(pose, camera)
        for row, column in pixels:
            number = len(project.points) + 1
            ray = np.linalg.inv(camera.matrix) @ np.array([column + 0.5, row + 0.5, 1.0])
            project.points[number] = (world_T_camera @ [*(ray * depth[row, column] / unit), 1.0])[:3]
            shot.seen.append((column + 0.5, row + 0.5, number))
        shot.seen.append((7.5, 7.5, -1))
        project.shots.append(shot)
    return project


def in_unit(pose: np.ndarray, unit: float) -> np.ndarray:
    """[4, 4] a pose in metres, told in units of so many metres."""
    told = pose.copy()
    told[:3, 3] /= unit
    return told


def write_images(project: Project, root: Path, camera: Pinhole = WALL) -> None:
    """What the cameras of a project in metres see."""
    for shot in project.shots:
        save_image(root, shot.name, see_wall(shot.world_T_camera, camera)[0])


def save_image(root: Path, name: str, pixels: np.ndarray) -> None:
    path = root / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


def write_colmap(
    root: Path,
    frames: int = 6,
    *,
    binary: bool = True,
    place: str = "sparse/0",
    pixels: Sequence[tuple[int, int]] = FEW,
    unit: float = 1.0,
) -> Path:
    """A whole project; `pixels` and `unit` as `wall_project` has them."""
    write_images(wall_project(frames), root)
    wall_project(frames, pixels=pixels, unit=unit).write(root / place, binary=binary)
    return root


def _line(*values: object) -> str:
    return " ".join(repr(float(value)) if isinstance(value, float) else str(value) for value in values) + "\n"
