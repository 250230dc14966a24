"""COLMAP's cameras.bin, images.bin and points3D.bin: little endian, a count, then the records."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from selfsup_depth.datasets.colmap_records import (
    LENS_MODELS,
    NAME_OF_NUMBER,
    CameraRecord,
    ImageRecord,
    camera_record,
    image_record,
)
from selfsup_depth.errors import UserError

COUNT = struct.Struct("<Q")
CAMERA = struct.Struct("<IiQQ")  # number, model, width, height
IMAGE = struct.Struct("<I7dI")  # number, qw qx qy qz tx ty tz, camera
POINT = struct.Struct("<Q3d3BdQ")  # number, x y z, r g b, error, length of the track
SEEN_AT = np.dtype([("pixel", "<f8", 2), ("point", "<i8")])
OF_TRACK = 8  # bytes: the image and which of its points


class _Records:
    """The bytes of a file from front to back. Every method raises UserError where the file ends too early."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._content = path.read_bytes()
        self._at = 0
        self.count = self.take(COUNT)[0]

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack_from(self._content, self.skip(layout.size))

    def skip(self, size: int) -> int:
        """Where the next `size` bytes begin."""
        begin = self._at
        if begin + size > len(self._content):
            self._cut_off(f"{size} more bytes were expected after byte {begin}")
        self._at = begin + size
        return begin

    def text(self) -> str:
        """Up to the next zero."""
        end = self._content.find(b"\0", self._at)
        if end < 0:
            self._cut_off(f"a name that begins at byte {self._at} has no end")
        begin = self.skip(end + 1 - self._at)
        return self._content[begin:end].decode("utf-8", errors="surrogateescape")

    def array(self, kind: np.dtype, count: int) -> np.ndarray:
        begin = self.skip(kind.itemsize * count)
        return np.frombuffer(self._content, kind, count, begin)

    def finish(self) -> None:
        """Raises UserError when something stands behind the last record."""
        if self._at != len(self._content):
            raise UserError(
                f"{self.path} has {len(self._content) - self._at} bytes behind its {self.count} records: it is damaged "
                "or of another format; write the model anew (colmap model_converter)."
            )

    def _cut_off(self, what: str) -> None:
        raise UserError(
            f"{self.path} is cut off: {what}, but it has {len(self._content)} bytes; copy it again, or write the "
            "model anew (colmap model_converter)."
        )


def read_cameras(path: Path) -> dict[int, CameraRecord]:
    """Cameras by number. Raises UserError when the file is damaged or a model is unknown."""
    records, cameras = _Records(path), {}
    for _ in range(records.count):
        number, model, width, height = records.take(CAMERA)
        name = NAME_OF_NUMBER.get(model)
        if name is None:
            raise UserError(
                f"{path}: camera {number} is of the model with the number {model}, which is none of COLMAP's (0 to "
                f"{len(LENS_MODELS) - 1}): restore the file, or write the model anew."
            )
        params = records.array(np.dtype("<f8"), LENS_MODELS[name].parameters)
        cameras[number] = camera_record(number, name, (width, height), tuple(params.tolist()), str(path))
    records.finish()
    return cameras


def read_images(path: Path) -> list[ImageRecord]:
    """Registered images in the order of the file. Raises UserError when the file is damaged."""
    return [record for record, _ in _images(path)]


def read_sightings(path: Path) -> dict[str, np.ndarray]:
    """Image name -> what it sees: `pixel` (corner origin) and `point`, a number of points3D or -1."""
    return {record.name: seen for record, seen in _images(path)}


def _images(path: Path) -> list[tuple[ImageRecord, np.ndarray]]:
    records, images = _Records(path), []
    for _ in range(records.count):
        _, *pose, camera = records.take(IMAGE)
        name = records.text()
        seen = records.array(SEEN_AT, records.take(COUNT)[0])
        images.append((image_record(name, camera, tuple(pose), str(path)), seen))
    records.finish()
    return images


def read_points(path: Path) -> dict[int, tuple[float, float, float]]:
    """Points of the world by number. Raises UserError when the file is damaged."""
    records, points = _Records(path), {}
    for _ in range(records.count):
        number, x, y, z, *_, track = records.take(POINT)
        records.skip(OF_TRACK * track)
        points[number] = (x, y, z)
    records.finish()
    return points
