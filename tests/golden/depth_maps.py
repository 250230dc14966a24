"""Random depth maps for the tests of losses that compare them."""

from __future__ import annotations

import torch
from torch import Tensor


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Uniform in [0, 1]."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def depths(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Depth in [1, 5]."""
    return 1 + 4 * noise(*shape, seed=seed, dtype=dtype)


def everywhere(depth: Tensor) -> Tensor:
    """A mask that leaves nothing out."""
    return torch.ones_like(depth, dtype=torch.bool)
