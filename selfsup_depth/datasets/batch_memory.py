"""Memory in which batches travel from the loader's workers, used again and again.

Fresh pages cost more than what is written into them: torch's own transfer puts every batch into new shared memory, and
for a batch that is merely copied from a prepared set that took three quarters of the loader's time (docs/training.md).
"""

from __future__ import annotations

import math
import uuid
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from selfsup_depth.datasets.augmentation import RawBatch, collate
from selfsup_depth.datasets.shared_memory import SharedBytes
from selfsup_depth.structures import Sample

#: A worker has at most two batches under way (the loader's default) and the consumer one; one more to be written.
SLOTS = 4
_OPEN: weakref.WeakValueDictionary[str, BatchMemory] = weakref.WeakValueDictionary()


class BatchMemory:
    """The `collate_fn` of a loader with workers: batches whose images lie in memory that all processes share.

    A batch gives its place back when `ShelvedBatch.to` or `pin_memory` copies it out. Where no place is free (many
    batches are kept) or it is too small, the batch is an ordinary one.
    """

    def __init__(self, workers: int, batch_size: int, frames: int, size: tuple[int, int]) -> None:
        self._bytes = batch_size * frames * 3 * math.prod(size)
        self._pixels = SharedBytes(workers * SLOTS * self._bytes)
        self._taken = SharedBytes(workers * SLOTS)
        self.token = uuid.uuid4().hex
        _OPEN[self.token] = self

    def __call__(self, samples: Sequence[Sample]) -> RawBatch | ShelvedBatch:
        first = samples[0].images
        shape = (len(first), len(samples), *first.shape[1:])
        slot = self._free_slot() if math.prod(shape) <= self._bytes else None
        if slot is None:
            return collate(samples)
        raw = collate(samples, images=self.images(slot, shape))
        self._taken.tensor[slot] = 1
        rest = replace(raw, images=torch.empty(0, dtype=torch.uint8))
        return ShelvedBatch(self, slot, shape, rest.map(Tensor.numpy))

    def images(self, slot: int, shape: tuple[int, ...]) -> Tensor:
        """The images of a batch in their place."""
        start = slot * self._bytes
        return self._pixels.tensor[start : start + math.prod(shape)].view(shape)

    def give_back(self, slot: int) -> None:
        self._taken.tensor[slot] = 0

    def _free_slot(self) -> int | None:
        """The first free place of this worker: so no more pages are touched than are needed at once."""
        worker = get_worker_info()
        if worker is None:
            return None
        start = worker.id * SLOTS
        taken = self._taken.tensor[start : start + SLOTS].tolist()
        return start + taken.index(0) if 0 in taken else None


@dataclass
class ShelvedBatch:
    """A batch as a worker sends it: all but its images, and where those lie.

    The rest has NumPy's arrays for tensors: they travel with the message, where every tensor would have shared memory
    made for it.
    """

    memory: BatchMemory
    slot: int
    shape: tuple[int, ...]
    rest: RawBatch

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"memory": self.memory.token}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Where it is received: its place is free again once it was copied, or when nobody wants it any more."""
        memory = _OPEN[state["memory"]]
        self.__dict__ |= state | {"memory": memory}
        self._give_back = weakref.finalize(self, memory.give_back, self.slot)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RawBatch:
        """A copy of the batch on `device`; its place is free again."""
        return self._copied(lambda images: images.to(device, copy=True)).to(device, non_blocking)

    def pin_memory(self) -> RawBatch:
        """A copy of the batch in page-locked memory; its place is free again."""
        return self._copied(Tensor.pin_memory).pin_memory()  # what is page-locked already is not copied again

    def _copied(self, copy: Callable[[Tensor], Tensor]) -> RawBatch:
        if not self._give_back.alive:
            raise AssertionError("a batch can be copied out of its place once")
        images = copy(self.memory.images(self.slot, self.shape))
        self._give_back()
        return replace(self.rest.map(torch.from_numpy), images=images)
