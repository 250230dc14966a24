"""Precisions that a device can only imitate are refused before the work starts."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth import arithmetic
from selfsup_depth.arithmetic import autocast_type
from selfsup_depth.errors import UserError

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def test_fp32_needs_nothing():
    assert autocast_type("fp32", CPU) is autocast_type("fp32", GPU) is None
    assert autocast_type("fp16", GPU) is torch.float16


def test_fp16_on_a_cpu():
    with pytest.raises(UserError, match="--precision fp16 needs a GPU .*: use bf16 or fp32 there"):
        autocast_type("fp16", CPU)


@pytest.mark.parametrize("has_it", [True, False])
def test_bf16_on_a_cpu_with_and_without_the_instructions(has_it, monkeypatch):
    monkeypatch.setattr(arithmetic, "cpu_has_bf16", lambda: has_it)
    if has_it:
        assert autocast_type("bf16", CPU) is torch.bfloat16
        return
    with pytest.raises(UserError, match="--precision bf16: this CPU has no instructions for it .*: use fp32"):
        autocast_type("bf16", CPU)


@pytest.mark.parametrize("has_it", [True, False])
def test_bf16_on_a_gpu_with_and_without_it(has_it, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it or including_emulation)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    if has_it:
        assert autocast_type("bf16", GPU) is torch.bfloat16
        return
    with pytest.raises(UserError, match="--precision bf16: Tesla T4 has no such arithmetic .*: use fp16 or fp32"):
        autocast_type("bf16", GPU)
