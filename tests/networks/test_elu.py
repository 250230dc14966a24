"""The ELU of the decoder on a CPU: torch's own function, by another way."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.networks import layers
from selfsup_depth.networks.layers import elu_


def numbers(dtype: torch.dtype, memory_format: torch.memory_format) -> Tensor:
    torch.manual_seed(0)
    return (3 * torch.randn(2, 5, 7, 9)).to(dtype).contiguous(memory_format=memory_format)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("dtype", "off"), [(torch.float32, 1.2e-7), (torch.bfloat16, 2**-8), (torch.float64, 0.0)], ids=str
)
def test_values_and_gradients_are_those_of_torch(dtype, off, memory_format, monkeypatch):
    monkeypatch.setattr(layers, "_PART", 100)  # several parts, the last one smaller
    x = numbers(dtype, memory_format)
    weights = torch.linspace(-1, 1, x.numel(), dtype=torch.float64).view_as(x).to(dtype)
    found = []
    for function in (elu_, partial(F.elu, inplace=True)):
        leaf = x.clone().requires_grad_()
        result = function(leaf * 1)
        (result * weights).sum().backward()
        assert result.is_contiguous(memory_format=memory_format)
        found.append((result.detach(), leaf.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=off)


def test_it_overwrites_what_it_is_given():
    x = numbers(torch.float32, torch.channels_last)
    assert elu_(x).data_ptr() == x.data_ptr()
    assert x.min() < 0 and x.min() >= -1


def test_what_is_no_number_stays_none_and_ends_stay_ends():
    x = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0])
    torch.testing.assert_close(elu_(x.clone()), F.elu(x), equal_nan=True)


def test_a_slice_of_another_tensor_leaves_the_rest_alone():
    whole = numbers(torch.float32, torch.contiguous_format)
    before = whole.clone()
    elu_(whole[:, 1:3])
    torch.testing.assert_close(whole[:, 1:3], F.elu(before[:, 1:3]))
    assert torch.equal(whole[:, 3:], before[:, 3:]) and torch.equal(whole[:, :1], before[:, :1])


def test_the_slow_function_is_not_asked(monkeypatch):
    monkeypatch.setattr(F, "elu", None)
    elu_(numbers(torch.bfloat16, torch.channels_last))
