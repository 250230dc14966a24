"""Parts of remote shards that were read once, kept on the disk of this machine for every process on it.

    DIR/shard_00000.tar        as long as the shard and sparse: what was read lies where it lies in the shard
    DIR/shard_00000.have       a byte for each part of the shard, 1: it is there

A part is written before it is marked, and twice the same bytes do no harm: no lock is needed. The limit is kept by
taking the first shards of the set alone: as samples come in random order, it does not matter which.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup_depth.errors import UserError


class ShardCache:
    """Of one set.

    Args:
        folder: of this set alone; it is made.
        sizes: bytes of each shard.
        parts: how many parts each shard has.
        limit: bytes that may be kept.
    """

    def __init__(self, folder: Path, sizes: Sequence[int], parts: Sequence[int], limit: int) -> None:
        self.folder, self._sizes, self._parts = folder, sizes, parts
        self._shards = int(np.searchsorted(np.cumsum(sizes), limit, side="right"))
        self._marks: dict[int, np.memmap] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"{folder}, where parts of remote shards are kept, cannot be made ({error.strerror}): name another "
                "folder in the environment variable SELFSUP_DEPTH_CACHE, or give --shard_cache_gb 0."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_marks": {}}

    def get(self, shard: int, part: int, start: int, stop: int) -> np.ndarray | None:
        """Bytes of a part; None: they are not here."""
        if shard >= self._shards or not self._marks_of(shard)[part]:
            return None
        try:
            file = os.open(self._path(shard, "tar"), os.O_RDONLY)
        except FileNotFoundError:  # somebody made room, and left what marks it
            return None
        try:
            return np.frombuffer(os.pread(file, stop - start, start), np.uint8)
        finally:
            os.close(file)

    def keep(self, shard: int, part: int, start: int, content: np.ndarray) -> None:
        """Raises UserError when the disk is full."""
        if shard >= self._shards:
            return
        marks = self._marks_of(shard)
        try:
            file = os.open(self._path(shard, "tar"), os.O_RDWR | os.O_CREAT, 0o644)
            try:
                os.pwrite(file, content.data, start)
            finally:
                os.close(file)
        except OSError as error:
            raise UserError(
                f"{self.folder}: parts of remote shards cannot be kept there ({error.strerror}): free some space, give "
                "a smaller --shard_cache_gb, or name another folder in the environment variable SELFSUP_DEPTH_CACHE."
            ) from error
        marks[part] = 1

    def _marks_of(self, shard: int) -> np.memmap:
        if shard not in self._marks:
            path = self._path(shard, "have")
            with path.open("ab") as file:  # makes it, and never shortens one that another process has made
                os.truncate(file.fileno(), max(self._parts[shard], 1))
            self._marks[shard] = np.memmap(path, np.uint8, mode="r+")
        return self._marks[shard]

    def _path(self, shard: int, suffix: str) -> Path:
        return self.folder / f"shard_{shard:05d}.{suffix}"
