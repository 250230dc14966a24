"""The two layers the decoders are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ReflectedConv(nn.Module):
    """3x3 convolution with reflected borders: `[B, in, h, w]` to `[B, out, h, w]`, h and w at least 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        # on a CPU, autocast would turn a bf16 tensor into float32 only to copy its borders
        with torch.autocast(x.device.type, enabled=False):
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return self.conv(x)


class ConvBlock(nn.Module):
    """Reflected 3x3 convolution and ELU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = ReflectedConv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(self.conv(x), inplace=True)
