"""Which samples come when: a function of (seed, epoch, position), so that a run can go on anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


def share(length: int, rank: int, count: int) -> range:
    """The part of process `rank` in a row of so many; the parts of all `count` follow each other without a gap."""
    return range(length * rank // count, length * (rank + 1) // count)


class EpochSampler(Sampler[list[tuple[int, int]]]):
    """Batches of keys (epoch, index), each epoch in its own order drawn from (seed, epoch).

    The epoch travels with the index, so a data set can draw a sample's augmentation from it and
    loader workers need no shared state. The last, incomplete batch of an epoch is left out.

    Of several processes each gets its share of every batch, so that the batches do not depend on how many there are.
    """

    def __init__(self, length: int, batch_size: int, *, seed: int, rank: int = 0, count: int = 1) -> None:
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.share = share(batch_size, rank, count)
        self.epoch = 0
        self.first_batch = 0

    def start_at(self, epoch: int, batch: int = 0) -> None:
        """The next iteration yields `epoch` from `batch` on."""
        self.epoch, self.first_batch = epoch, batch

    def __len__(self) -> int:
        return self.length // self.batch_size

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.length, generator=generator)
        for batch in range(self.first_batch, len(self)):
            start = batch * self.batch_size
            chosen = order[start + self.share.start : start + self.share.stop].tolist()
            yield [(self.epoch, index) for index in chosen]
