"""COLMAP's cameras.txt, images.txt and points3D.txt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from selfsup_depth.datasets.colmap_binary import SEEN_AT
from selfsup_depth.datasets.colmap_records import CameraRecord, ImageRecord, camera_record, image_record
from selfsup_depth.errors import UserError


def read_cameras(path: Path) -> dict[int, CameraRecord]:
    """Cameras by number. Raises UserError when a line is damaged or a model is unknown."""
    cameras = {}
    for place, line in _lines(path):
        words = line.split()
        try:
            number, width, height = int(words[0]), int(words[2]), int(words[3])
            params = tuple(float(word) for word in words[4:])
        except (ValueError, IndexError) as error:
            raise _damaged(path, place, line, "CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]") from error
        cameras[number] = camera_record(number, words[1], (width, height), params, str(path))
    return cameras


def read_images(path: Path) -> list[ImageRecord]:
    """Registered images in the order of the file. Raises UserError when a line is damaged."""
    return [record for record, _, _ in _images(path)]


def read_sightings(path: Path) -> dict[str, np.ndarray]:
    """Image name -> what it sees: `pixel` (corner origin) and `point`, a number of points3D or -1.

    Raises UserError when a line is damaged.
    """
    sightings = {}
    for record, place, line in _images(path):
        try:
            values = np.array(line.split(), dtype=np.float64).reshape(-1, 3)
        except ValueError as error:
            raise _damaged(path, place, line, "the points that the image sees, X Y POINT3D_ID each") from error
        seen = sightings[record.name] = np.empty(len(values), SEEN_AT)
        seen["pixel"], seen["point"] = values[:, :2], values[:, 2].astype(np.int64)
    return sightings


def _images(path: Path) -> Iterator[tuple[ImageRecord, int, str]]:
    """Each image, and place and text of the line of its points, which stands below it and may be empty."""
    lines = _all_lines(path)
    for place, line in lines:
        if not line or line.startswith("#"):
            continue
        words = line.split(maxsplit=9)  # the name may have blanks
        try:
            pose, camera, name = tuple(float(word) for word in words[1:8]), int(words[8]), words[9]
        except (ValueError, IndexError) as error:
            raise _damaged(path, place, line, "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME") from error
        below = next(lines, (place, ""))  # of the last image it may have been trimmed away
        yield image_record(name, camera, pose, str(path)), *below


def read_points(path: Path) -> dict[int, tuple[float, float, float]]:
    """Points of the world by number. Raises UserError when a line is damaged."""
    points = {}
    for place, line in _lines(path):
        words = line.split(maxsplit=4)
        try:
            points[int(words[0])] = (float(words[1]), float(words[2]), float(words[3]))
        except (ValueError, IndexError) as error:
            raise _damaged(path, place, line, "POINT3D_ID X Y Z R G B ERROR TRACK[]") from error
    return points


def _all_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of every line, blank ones too."""
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for place, line in enumerate(file, start=1):
            yield place, line.strip()


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return ((place, line) for place, line in _all_lines(path) if line and not line.startswith("#"))


def _damaged(path: Path, place: int, line: str, expected: str) -> UserError:
    return UserError(
        f"{path}, line {place}: expected {expected}, found '{line[:60]}': restore the file, or write the model anew "
        "(colmap model_converter)."
    )
