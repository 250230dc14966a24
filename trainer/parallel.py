"""The gradient of a batch of which every process has a share: that of one process with the whole batch.

DistributedDataParallel averages the gradients of the processes. A term that is a mean over samples comes out right
when each process has as many of them; a mean over *counted* pixels does not, for a process that counts few pixels
would weigh as much as one that counts many. So each process multiplies its terms by how much of the whole it has.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from selfsup_depth.structures import Batch, Losses, Method
from trainer.processes import Processes


class _LossesAsForward(nn.Module):
    """All networks of a method behind one forward: its hooks fire, and there is one reducer for all of them."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: Batch, generator: torch.Generator | None) -> Losses:
        return self.method.losses(batch, generator)


class ParallelMethod:
    """The losses of a method on this process's share of a batch.

    Args:
        share: samples of a batch that this process has, of `batch_size`.
    """

    def __init__(self, method: Method, processes: Processes, share: int, batch_size: int) -> None:
        self.method, self.processes = method, processes
        #: by how much a mean over this process's samples counts in the mean over processes
        self.sample_weight = share * processes.count / batch_size
        self._norms = [m for m in method.networks.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
        self._distributed = None if processes.alone else _distributed(method)

    def micro_batch(self, *, last: bool) -> AbstractContextManager[None]:
        """Around forward and backward of one of the batches of a step: gradients travel with the last one only."""
        return nullcontext() if last or self._distributed is None else self._distributed.no_sync()

    def losses(self, batch: Batch, generator: torch.Generator | None) -> Losses:
        """Terms whose mean over all processes is the term of the whole batch; so is the mean of their gradients."""
        if self._distributed is None:
            return self.method.losses(batch, generator)
        losses = self._distributed(batch, generator)
        weights = self._weights(losses)
        terms = {
            name: term * weights[name] if name in weights else self._weighted(term)
            for name, term in losses.terms.items()
        }
        health = {name: self._weighted(value) for name, value in losses.health.items()}
        return Losses(terms, losses.maps, health)

    def share_statistics(self) -> None:
        """Let all processes hold the mean of the running statistics of their batch norms.

        Otherwise each would keep those of its own samples: they would average, validate and save other networks.
        """
        training = [norm for norm in self._norms if norm.training]
        if self.processes.alone or not training:
            return
        statistics = [norm.get_buffer(name) for norm in training for name in ("running_mean", "running_var")]
        together = self.processes.mean(torch.cat(statistics))
        torch._foreach_copy_(statistics, list(together.split([len(buffer) for buffer in statistics])))

    def _weighted(self, mean: Tensor) -> Tensor:
        """A mean over this process's samples, for a mean over processes."""
        return mean if self.sample_weight == 1 else mean * self.sample_weight

    def _weights(self, losses: Losses) -> dict[str, Tensor]:
        """Of the terms that are means over what they count: this process's part of the count, times the processes."""
        counted = [name for name in losses.terms if name in losses.counts]
        if not counted:
            return {}
        here = torch.stack([losses.counts[name].detach() for name in counted]).double()
        parts = here * self.processes.count / self.processes.sum(here).clamp(min=1)
        return dict(zip(counted, parts.float(), strict=True))


def _distributed(method: Method) -> DistributedDataParallel:
    # `share_statistics` does more than to repeat those of the main process before each batch. The option's name changes
    # with torch 2.15.
    known = inspect.signature(DistributedDataParallel).parameters
    off: dict[str, Any] = {"forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False}
    return DistributedDataParallel(
        _LossesAsForward(method),
        find_unused_parameters=method.leaves_parameters_unused,
        gradient_as_bucket_view=True,
        **off,
    )
