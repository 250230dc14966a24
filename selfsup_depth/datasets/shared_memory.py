"""Bytes that a process shares with the loader workers it starts, whichever way it starts them."""

from __future__ import annotations

import mmap
import os
import weakref
from typing import Any

import torch
from torch import Tensor


class SharedBytes:
    """`size` bytes, 0 at first, that workers see without a copy, through fork or through a pickle.

    On Linux they are a file without a name in memory: not limited by /dev/shm, of which a container has 64 MB, and
    gone with the last process that has them. To be unpickled while the process that pickled them lives.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        if not hasattr(os, "memfd_create"):
            self.tensor = torch.zeros(size, dtype=torch.uint8).share_memory_()
            return
        self._file = os.memfd_create("selfsup_depth")
        os.ftruncate(self._file, max(size, 1))
        self.tensor = self._map()

    def _map(self) -> Tensor:
        weakref.finalize(self, os.close, self._file)
        return torch.frombuffer(mmap.mmap(self._file, max(self.size, 1)), dtype=torch.uint8)[: self.size]

    def __getstate__(self) -> dict[str, Any]:
        if not hasattr(os, "memfd_create"):
            return self.__dict__
        return {"size": self.size, "path": f"/proc/{os.getpid()}/fd/{self._file}"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "tensor" in state:
            self.__dict__ |= state
            return
        self.size = state["size"]
        self._file = os.open(state["path"], os.O_RDWR)
        self.tensor = self._map()
