"""Gradient checkpointing of a block (Chen et al. 2016) that leaves batch statistics as they would be without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(block: nn.Module) -> None:
    """From now on the block's activations are computed again in the backward pass; its weights keep their names."""
    forward = block.forward

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _untracked(block)

    def recomputed(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)

    block.forward = recomputed


@contextmanager
def _untracked(block: nn.Module) -> Iterator[None]:
    """Within, batch normalisation counts no batch: the second time it sees the same one."""
    tracking = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    tracking = [m for m in tracking if m.training]
    for module in tracking:
        module.track_running_stats = False
    try:
        yield
    finally:
        for module in tracking:
            module.track_running_stats = True
