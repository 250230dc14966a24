"""Two sets of weights that must be one."""

from __future__ import annotations

import torch
from torch import Tensor


def assert_same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name
