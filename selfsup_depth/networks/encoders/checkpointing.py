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
    for module in block.modules():
        if getattr(module, "inplace", False):  # which would overwrite what is kept for the second time
            module.inplace = False  # type: ignore[assignment]

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
    tracking = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    before = [(module, module.momentum, module.num_batches_tracked) for module in tracking]
    for module, _, count in before:
        module.momentum = 0.0  # running statistics take nothing in
        module.num_batches_tracked = None if count is None else count.clone()
    try:
        yield
    finally:
        for module, momentum, count in before:
            module.momentum, module.num_batches_tracked = momentum, count
