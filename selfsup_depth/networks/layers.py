"""The two layers the decoders are made of."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class ConvBlock(nn.Module):
    """Reflected 3x3 convolution and ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ReflectedConv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.conv(x), inplace=True)
