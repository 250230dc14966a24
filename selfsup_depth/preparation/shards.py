"""Writes frames as shards: each complete on disk, or not there at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.prepared_files import (
    CAMERAS,
    Camera,
    depth_file,
    depth_member,
    facts_file,
    images_file,
)
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Moment, Place, ReadyView, Tally

#: None: numpy's own error, which tells how many of the bytes were written and no reason.
FULL = (errno.ENOSPC, errno.EDQUOT, None)
SHARD_BYTES = 64 << 20  # of one camera's images
PARTIAL = ".partial"


def frames_of_a_shard(height: int, width: int) -> int:
    """So many images of this size make a file that is neither small nor a loss when it has to be made again."""
    return max(1, min(1024, SHARD_BYTES // (3 * height * width)))


@dataclass
class Shard:
    """Frames that are collected until they are written together."""

    number: int
    images: dict[Camera, list[np.ndarray]] = field(default_factory=lambda: {camera: [] for camera in CAMERAS})
    depth: dict[str, np.ndarray] = field(default_factory=dict)
    frames: list[dict[str, Any]] = field(default_factory=list)
    tables: dict[str, list[list[float]]] = field(default_factory=lambda: {"cameras": [], "stereo": []})

    def add(self, moment: Moment, place: Place, views: dict[Camera, ReadyView]) -> None:
        """One frame with the images of its cameras."""
        self.frames.append(
            {
                "sequence": place.sequence,
                "run": place.run,
                "position": place.position,
                "number": place.number,
                "time_s": moment.time_s,
                "views": {camera: self._view(camera, views[camera]) for camera in CAMERAS if camera in views},
            }
        )

    def _store(self, camera: Camera, view: ReadyView) -> dict[str, Any]:
        """Keeps image and depth until they are written; where they will be."""
        row = len(self.images[camera])
        self.images[camera].append(view.image.contiguous().numpy())
        if view.depth is not None:
            self.depth[depth_member(camera, row)] = view.depth.astype(np.float32, copy=False)
        return {"row": row}

    def _view(self, camera: Camera, view: ReadyView) -> dict[str, Any]:
        name = view.name
        return {
            **self._store(camera, view),
            "name": [name.folder, name.frame, name.side],
            # what training computes with: the float32 values, written so that they are read back exactly
            "camera": self._entry("cameras", view.intrinsics.float()),
            "stereo": None if view.stereo_T_target is None else self._entry("stereo", view.stereo_T_target),
            "world_T_camera": None if view.world_T_camera is None else view.world_T_camera.flatten().tolist(),
            "depth": view.depth is not None,
        }

    def _entry(self, table: str, values: Tensor) -> int:
        """Index into a table of values that many images share."""
        entry = values.flatten().tolist()
        if entry not in self.tables[table]:
            self.tables[table].append(entry)
        return self.tables[table].index(entry)

    def write(self, folder: Path, tally: Tally) -> int:
        """Writes everything, the facts last: with them the shard is complete. Returns its size in bytes.

        Raises UserError when the disk is full or not writable; what was complete before stays so.
        """
        size = 0
        for camera in CAMERAS:
            if self.images[camera]:
                stacked = np.stack(self.images[camera])
                size += write_file(folder / images_file(camera, self.number), partial(_save_array, array=stacked))
        if self.depth:
            size += write_file(folder / depth_file(self.number), partial(_save_maps, maps=self.depth))
        facts = {**self.tables, "frames": self.frames, "tally": tally.as_json()}
        return size + write_json(folder / facts_file(self.number), facts)


def _save_array(file: IO[bytes], array: np.ndarray) -> None:
    np.save(file, array)


def _save_maps(file: IO[bytes], maps: dict[str, np.ndarray]) -> None:
    np.savez_compressed(file, **maps)  # type: ignore[arg-type]


def write_json(path: Path, content: Any) -> int:
    """Plain values, the same bytes for the same values; as `write_file`."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"

    def write(file: IO[bytes]) -> None:
        file.write(text.encode())

    return write_file(path, write)


def write_file(path: Path, content: Callable[[IO[bytes]], None]) -> int:
    """Writes a file under another name, and renames it when it is on the disk. Returns its size in bytes.

    Raises UserError when the disk is full or not writable.
    """
    unfinished = path.with_name(path.name + PARTIAL)
    try:
        with unfinished.open("wb") as file:
            content(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(unfinished, path)
        return size
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno in FULL:
            raise UserError(
                f"{path.parent}: the disk is full, {path.name} could not be written; everything before it is kept: "
                "free some space and run the same command again, it goes on there."
            ) from error
        raise UserError(
            f"{path} cannot be written ({error.strerror or error}); everything before it is kept: check the folder's "
            "permissions, and run the same command again."
        ) from error

