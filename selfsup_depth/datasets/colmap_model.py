"""A COLMAP model on disk, text or binary: which files, and what they say together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from selfsup_depth.datasets import colmap_binary, colmap_text
from selfsup_depth.datasets.colmap_records import CameraRecord, ImageRecord
from selfsup_depth.errors import UserError

#: Where a model lies in a project; the first reconstruction where there are several.
PLACES = ("sparse/0", "sparse")
#: COLMAP itself prefers the binary one of two.
READERS = {".bin": colmap_binary, ".txt": colmap_text}
#: Pixels of a map of sparse depth: a loader holds hundreds of them.
LARGEST_MAP = 1_000_000


@dataclass(frozen=True)
class ColmapModel:
    """Registered images and their cameras; points are read when they are asked for."""

    folder: Path
    suffix: str  # a key of `READERS`
    cameras: dict[int, CameraRecord]
    images: dict[str, ImageRecord]  # by name

    def camera(self, image: str) -> CameraRecord:
        return self.cameras[self.images[image].camera]

    def points_in_camera(self, image: str) -> tuple[np.ndarray, np.ndarray]:
        """What an image sees: pixels [N, 2] (corner origin, as recorded) and points [N, 3] in its camera's axes.

        Lengths are in the unit of the reconstruction. Raises UserError when a file is missing or damaged.
        """
        seen = self._sightings[image]
        known = [i for i, point in enumerate(seen["point"].tolist()) if point in self._points]
        world = np.array([self._points[point] for point in seen["point"][known].tolist()]).reshape(-1, 3)
        camera_T_world = self.images[image].camera_T_world
        return seen["pixel"][known], world @ camera_T_world[:3, :3].T + camera_T_world[:3, 3]

    def sees_points(self, image: str, fewest: int) -> bool:
        """Whether an image sees so many points; of a model without a file of points none does.

        Raises UserError when a file is damaged.
        """
        if not self._points_file.is_file():
            return False
        return sum(point in self._points for point in self._sightings[image]["point"].tolist()) >= fewest

    def sparse_depth(self, image: str) -> np.ndarray:
        """Depth of those points, float32 [h, w], 0 = none. Of two points in one pixel, the nearer one counts.

        The map has the shape of the image and at most LARGEST_MAP pixels: a few thousand points fill no more.
        Raises UserError as `points_in_camera` does.
        """
        full_width, full_height = self.camera(image).size
        shrink = max(1, math.ceil(math.sqrt(full_width * full_height / LARGEST_MAP)))
        width, height = math.ceil(full_width / shrink), math.ceil(full_height / shrink)
        pixels, points = self.points_in_camera(image)
        columns, rows = np.floor(pixels * (width / full_width, height / full_height)).astype(np.int64).T
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height) & (points[:, 2] > 0)
        depth = np.full((height, width), np.inf, dtype=np.float32)
        np.minimum.at(depth, (rows[inside], columns[inside]), points[inside, 2].astype(np.float32))
        return np.where(np.isfinite(depth), depth, np.float32(0))

    @cached_property
    def _sightings(self) -> dict[str, np.ndarray]:
        return READERS[self.suffix].read_sightings(self.folder / f"images{self.suffix}")

    @cached_property
    def _points(self) -> dict[int, tuple[float, float, float]]:
        path = self._points_file
        if not path.is_file():
            raise UserError(f"{path} is missing: the points of the COLMAP model belong there; export them with it.")
        return READERS[self.suffix].read_points(path)

    @property
    def _points_file(self) -> Path:
        return self.folder / f"points3D{self.suffix}"


def read_model(project: Path) -> ColmapModel:
    """The model of a project: `sparse/0/` or `sparse/`, as .bin or .txt.

    Raises UserError when there is none, when a file is damaged, when an image names a camera that is not there, and
    when no image is registered.
    """
    folder, suffix = _find(project)
    reader = READERS[suffix]
    cameras = reader.read_cameras(folder / f"cameras{suffix}")
    file = folder / f"images{suffix}"
    images = {record.name: record for record in reader.read_images(file)}
    if not images:
        raise UserError(
            f"{file} has no registered image: COLMAP could place none of them; give a model with images, or read the "
            "frames without one by --dataset folder."
        )
    for record in images.values():
        if record.camera not in cameras:
            raise UserError(
                f"{file}: {record.name} was taken by camera {record.camera}, which is not in {folder}/cameras{suffix}: "
                "the files are of different models; copy both of one."
            )
    return ColmapModel(folder, suffix, cameras, images)


def _find(project: Path) -> tuple[Path, str]:
    for place in PLACES:
        for suffix in READERS:
            if all((project / place / f"{name}{suffix}").is_file() for name in ("cameras", "images")):
                return project / place, suffix
    raise UserError(
        f"{project} has no COLMAP model: expected cameras and images as .bin or .txt in {project}/sparse/0 or "
        f"{project}/sparse; give the folder that holds images/ and sparse/ as --data_path."
    )
