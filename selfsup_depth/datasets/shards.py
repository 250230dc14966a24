"""Tar shards that `prepare_data.py --shards` has written, on disk or at a URL, read in any order.

Their layout is WebDataset's, so that its tools read them too; what is beside them says where in a tar every image is.
So a sample costs a request for a few hundred kilobytes, frames are stored once although samples share them, and the
order, the division among workers and processes, and going on in the middle of an epoch are those of all data sets:
docs/datasets.md compares that with reading shards from end to end.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.datasets.prepared_files import Member, StoredView, read_facts, tar_file
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.shard_cache import ShardCache
from selfsup_depth.datasets.source import data_folder
from selfsup_depth.datasets.storage import URL, LocalStorage, Storage, open_storage
from selfsup_depth.datasets.tar_members import decode_depth, decode_into
from selfsup_depth.errors import UserError
from splits import SplitLine

PARTS_OF_A_ROW = 4  # images of two cameras, and their depth


class Shards(Prepared):
    """As `Prepared` in everything but where the pixels are."""

    name = "shards"

    def __init__(self, request: DatasetRequest) -> None:
        self._sizes: list[int] = []
        self._fetched: dict[SplitLine, np.ndarray] = {}
        super().__init__(request)
        self._refuse_truncated()
        self._cache = self._open_cache(request)

    def open_storage(self, request: DatasetRequest) -> Storage:
        path = request.data_path
        is_url = path is not None and URL.fullmatch(str(path))
        return open_storage(str(path) if is_url else data_folder(request, self.name))

    def refuse_other_files(self) -> None:
        if self.manifest.stored_as == "arrays":
            raise UserError(f"{self.root} is a prepared set of arrays: read it with --dataset prepared.")

    def read_all_views(self) -> list[StoredView]:
        facts = read_facts(self.storage, self.manifest.shards)
        self._sizes = [size for _, size in facts]
        return [view for views, _ in facts for view in views]

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_fetched": {}}

    def image_path(self, view: SplitLine) -> str:
        found = self._by_name.get(view)
        if found is None or found.image_at is None:
            return super().image_path(view)
        return f"{self.root}/{tar_file(found.shard)}, byte {found.image_at[0]}"

    def fetch(self, views: Sequence[SplitLine]) -> None:
        """Reads the bytes of images that are asked for next, together: of a URL that is one wait for all of them."""
        if isinstance(self.storage, LocalStorage) or all(view in self._fetched for view in views):
            return
        names = list(dict.fromkeys(view for view in views if view not in self._fetched))
        found = self._read([(self._by_name[name], self._image_at(name)) for name in names])
        kept = {view: self._fetched[view] for view in views if view in self._fetched}
        self._fetched = kept | dict(zip(names, found, strict=True))

    def read_image(self, view: SplitLine) -> Tensor:
        image = torch.empty(3, self.manifest.height, self.manifest.width, dtype=torch.uint8)
        self.read_into(view, image)
        return image

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]:
        self.fetch([view])
        content = self._fetched.get(view)
        if content is None:
            (content,) = self._read([(self._by_name[view], self._image_at(view))])
        try:
            decode_into(content, self.manifest.stored_as, out)
        except ValueError as error:
            raise self._damaged(self.image_path(view), error) from error
        return self.manifest.height, self.manifest.width

    def depth(self, item: SplitLine) -> np.ndarray | None:
        found = self._by_name[item]
        if found.depth_at is None:
            return None
        (content,) = self._read([(found, found.depth_at)])
        try:
            return decode_depth(content)
        except Exception as error:  # a damaged archive raises whatever the parser stumbles over
            raise self._damaged(f"{self.root}/{tar_file(found.shard)}", error) from error

    # ---------------------------------------------------------------- bytes

    def _image_at(self, name: SplitLine) -> Member:
        at = self._by_name[name].image_at
        if at is None:
            raise self._damaged(self.image_path(name), "nothing says where in its shard the image is")
        return at

    def _read(self, wanted: Sequence[tuple[StoredView, Member]]) -> list[np.ndarray]:
        """The bytes of members; of a URL checked, and kept on this machine's disk where that was asked for.

        Raises UserError for a shard that is shorter than it was, or that holds other bytes.
        """
        found: dict[int, np.ndarray] = {}
        if self._cache is not None:
            for place, (view, member) in enumerate(wanted):
                start, size, crc = member
                content = self._cache.get(view.shard, _part(view, member), start, start + size)
                if content is not None and zlib.crc32(content.data) == crc:
                    found[place] = content
        rest = [place for place in range(len(wanted)) if place not in found]
        parts = []
        for place in rest:
            view, (start, size, _) = wanted[place]
            parts.append((tar_file(view.shard), start, start + size))
        for place, content in zip(rest, self.storage.parts(parts), strict=True):
            view, member = wanted[place]
            self._check(view, member, content)
            if self._cache is not None:
                self._cache.keep(view.shard, _part(view, member), member[0], content)
            found[place] = content
        return [found[place] for place in range(len(wanted))]

    def _check(self, view: StoredView, member: Member, content: np.ndarray) -> None:
        start, size, crc = member
        if len(content) < size:
            raise self._truncated(view.shard, self.storage.size(tar_file(view.shard)))
        if not isinstance(self.storage, LocalStorage) and zlib.crc32(content.data) != crc:
            raise self._damaged(
                f"{self.root}/{tar_file(view.shard)}", f"the {size} bytes from byte {start} on are not those written"
            )

    def _refuse_truncated(self) -> None:
        """Of shards on a disk, before anything is trained; at a URL, when a part of one is missed."""
        if isinstance(self.storage, LocalStorage):
            for shard, expected in enumerate(self._sizes):
                size = self.storage.size(tar_file(shard))
                if size < expected:
                    raise self._truncated(shard, size)

    def _truncated(self, shard: int, size: int) -> UserError:
        return UserError(
            f"{self.root}/{tar_file(shard)} holds {size} bytes, but {self._sizes[shard]} were written: it is "
            "truncated; copy it there again, or prepare the set again."
        )

    def _open_cache(self, request: DatasetRequest) -> ShardCache | None:
        limit = request.options.shard_cache
        if limit is None or isinstance(self.storage, LocalStorage):
            return None
        rows = [0] * self.manifest.shards
        for view in self._views:
            rows[view.shard] = max(rows[view.shard], 1 + view.row)
        parts = [PARTS_OF_A_ROW * count for count in rows]
        return ShardCache(limit.folder / self.manifest.fingerprint, self._sizes, parts, limit.bytes)


def _part(view: StoredView, member: Member) -> int:
    """Which part of its shard a member is."""
    return PARTS_OF_A_ROW * view.row + 2 * (view.camera == "right") + (member == view.depth_at)
