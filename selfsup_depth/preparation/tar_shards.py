"""Writes frames as tar shards in WebDataset's layout, and where in them each image lies."""

from __future__ import annotations

import io
import json
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from selfsup_depth.datasets.prepared_files import Camera, Member, StoredAs, facts_file, tar_file
from selfsup_depth.datasets.tar_members import encode_depth, encode_image
from selfsup_depth.preparation.frames import Moment, Place, ReadyView, Tally
from selfsup_depth.preparation.shards import Shard, write_file, write_json

BLOCK = tarfile.BLOCKSIZE
JPEGS_FOR_AN_ARRAY = 4  # a shard has so many times the frames when they are compressed


def stored_as(quality: int) -> StoredAs:
    return "jpg" if quality else "npy"


@dataclass
class TarShard(Shard):
    """As `Shard`; all files of a frame stand together, and frames in the order in which they were recorded.

    So what a sample needs is mostly one stretch of the tar.
    """

    quality: int = 95  # of JPEGs; 0: exact
    _members: list[tuple[str, bytes]] = field(default_factory=list)
    _end: int = 0  # of the tar so far

    def add(self, moment: Moment, place: Place, views: dict[Camera, ReadyView]) -> None:
        super().add(moment, place, views)
        frame = self.frames[-1]
        told = {camera: self._told(entry) for camera, entry in frame["views"].items()}
        self._put("json", json.dumps(frame | {"views": told}).encode(), frame=len(self.frames) - 1)

    def _told(self, entry: dict[str, Any]) -> dict[str, Any]:
        """What a reader of the tar alone needs: values, where the facts have indices into tables."""
        stereo = entry["stereo"]
        return {
            "name": entry["name"],
            "intrinsics": self.tables["cameras"][entry["camera"]],
            "stereo_T_target": None if stereo is None else self.tables["stereo"][stereo],
            "world_T_camera": entry["world_T_camera"],
        }

    def _store(self, camera: Camera, view: ReadyView) -> dict[str, Any]:
        frame = len(self.frames)
        content, skipped = encode_image(view.image, self.quality)
        stored: dict[str, Any] = {"row": frame}
        stored["image_at"] = self._put(f"{camera}.{stored_as(self.quality)}", content, skipped, frame=frame)
        if view.depth is not None:
            stored["depth_at"] = self._put(f"{camera}.depth.npz", encode_depth(view.depth), frame=frame)
        return stored

    def _put(self, suffix: str, content: bytes, skipped: int = 0, *, frame: int) -> Member:
        self._members.append((f"s{self.number:05d}_f{frame:05d}.{suffix}", content))
        start = self._end + BLOCK
        self._end = start + -(-len(content) // BLOCK) * BLOCK
        return start + skipped, len(content) - skipped, zlib.crc32(content[skipped:])

    def write(self, folder: Path, tally: Tally) -> int:
        size = write_file(folder / tar_file(self.number), self._write_tar)
        facts = {**self.tables, "frames": self.frames, "tally": tally.as_json(), "tar_bytes": size}
        return size + write_json(folder / facts_file(self.number), facts)

    def _write_tar(self, file: IO[bytes]) -> None:
        """The same bytes for the same frames: no times, no owner."""
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, content in self._members:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            if tar.offset != self._end:
                raise AssertionError("members do not lie where the facts say")
