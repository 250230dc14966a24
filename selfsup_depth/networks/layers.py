"""The two layers the decoders are made of."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_PART = 1 << 17  # numbers that a core takes at a time


def outside_autocast(x: Tensor) -> AbstractContextManager[None]:
    """A region in which operations keep the type of x; no region at all (for exporters) without autocast."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


class ReflectedConv(nn.Module):
    """3x3 convolution with reflected borders: `[B, in, h, w]` to `[B, out, h, w]`, h and w at least 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        # on a CPU, autocast would turn a bf16 tensor into float32 only to copy its borders
        with outside_autocast(x):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return self.conv(x)


class _EluByExp(torch.autograd.Function):
    """ELU in place on a CPU, as exp(x) - 1 below zero: rounding puts that up to 6e-8 beside expm1(x).

    torch takes expm1, and there are machines on which that takes fourteen times as long as exp at times: a tenth of a
    training step, more of a prediction. By parts that stay in the cache it costs what torch's own does elsewhere.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        for part in x.as_strided((x.numel(),), (1,)).split(_PART * torch.get_num_threads()):
            whole = part.float()  # half types would lose what exp(x) - 1 is made of
            below = whole.clamp(max=0).exp_().sub_(1)
            part.copy_(torch.maximum(whole, below, out=below))
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        found: Tensor = torch.ops.aten.elu_backward(gradient, 1, 1, 1, True, result)
        return found


def elu_(x: Tensor) -> Tensor:
    """ELU (Clevert et al. 2016) of a tensor that nobody else needs: it is overwritten where it can be."""
    dense = x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))
    ours = x.device.type == "cpu" and x.dtype != torch.float64 and dense
    if not ours or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return F.elu(x, inplace=True)
    result: Tensor = _EluByExp.apply(x)
    return result


class ConvBlock(nn.Module):
    """Reflected 3x3 convolution and ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ReflectedConv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return elu_(self.conv(x))
