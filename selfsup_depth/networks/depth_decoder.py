"""Monodepth2's depth decoder: features of any pyramid to sigmoid disparities at several scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.networks.layers import ConvBlock, ReflectedConv, outside_autocast
from selfsup_depth.networks.pyramid import check_pyramid, check_sizes, skip_places

#: channels at stride 2^i (Monodepth2, supplementary material, table of the depth network)
WIDTHS = (16, 32, 64, 128, 256)
UPSAMPLES = ("nearest", "bilinear")
_SHRINK = 0.1


class DepthDecoder(nn.Module):
    """U-Net decoder of Monodepth2 (Godard et al. 2019, section 4 and supplementary material).

    From the deepest feature up, each stage convolves, doubles the size, joins the encoder's feature of
    that size if there is one, and convolves again. State-dict keys are the published ones for an encoder
    with features at 2, 4, 8, 16, 32: `decoder.0..9` for the stages, then one disparity convolution for each
    of `scales` in the order given.

    Args:
        channels: of the encoder's features, finest first.
        scales: scale s is predicted at 1/2^s of the input; any of 0..3, any order.
        out_channels: maps per scale (a predictive mask has one for each source).
        upsample: "nearest" (Monodepth2) or "bilinear" (DistDepth). The weights look the same, the result
            does not: use what the weights were trained with.
        reductions: strides of the encoder's features, ascending powers of two.
        initial_disp: None starts the disparity convolutions as published (PyTorch's default, about 0.5
            everywhere, which is 0.2 m for depths of 0.1 to 100); a value in (0, 1) starts the untrained
            network near this sigmoid disparity everywhere. Its weights are shrunk to a tenth: the start is
            flat to a few percent, and the body still receives gradients from the first step on, which
            zero weights would withhold.

    Raises:
        UserError: for an impossible combination of arguments.
    """

    def __init__(
        self,
        channels: Sequence[int],
        scales: Sequence[int] = (0, 1, 2, 3),
        out_channels: int = 1,
        upsample: str = "nearest",
        *,
        reductions: Sequence[int] = (2, 4, 8, 16, 32),
        initial_disp: float | None = None,
    ) -> None:
        super().__init__()
        check_pyramid(channels, reductions)
        self._skips = skip_places(reductions)
        _check_options(scales, len(self._skips), upsample, initial_disp)
        self.scales = tuple(scales)
        self.upsample = upsample
        self.decoder = nn.ModuleList(self._stages(channels))
        heads = [ReflectedConv(WIDTHS[scale], out_channels) for scale in self.scales]
        if initial_disp is not None:
            for head in heads:
                _start_at(head.conv, initial_disp)
        self.decoder.extend(heads)

    def _stages(self, channels: Sequence[int]) -> list[ConvBlock]:
        blocks = []
        width = channels[-1]
        for stage, skip in reversed(self._skips.items()):
            joined = WIDTHS[stage] + (channels[skip] if skip is not None else 0)
            pair = [ConvBlock(width, WIDTHS[stage]), ConvBlock(joined, WIDTHS[stage])]
            if stage < min(self.scales):  # in the published state dict, yet nothing is computed from it
                for block in pair:
                    block.requires_grad_(False)
            blocks += pair
            width = WIDTHS[stage]
        return blocks

    def forward(self, features: Sequence[Tensor]) -> dict[int, Tensor]:
        """Scale -> sigmoid disparity `[B, out_channels, H / 2^s, W / 2^s]`, float32 under autocast.

        Raises:
            UserError: when the features belong to an image whose sides are no multiples of the deepest
                stride, or less than twice that.
        """
        check_sizes(features, self._skips)
        disparities = {}
        x = features[-1]
        for step, (stage, skip) in enumerate(reversed(self._skips.items())):
            if stage < min(self.scales):
                break
            x = self._double(self.decoder[2 * step](x))
            if skip is not None:
                x = torch.cat([x, features[skip]], dim=1)
            x = self.decoder[2 * step + 1](x)
            if stage in self.scales:
                head = self.decoder[2 * len(self._skips) + self.scales.index(stage)]
                disparities[stage] = _disparity(cast(ReflectedConv, head), x)
        return {scale: disparities[scale] for scale in self.scales}

    def _double(self, x: Tensor) -> Tensor:
        align_corners = False if self.upsample == "bilinear" else None
        with outside_autocast(x):
            return F.interpolate(x, scale_factor=2.0, mode=self.upsample, align_corners=align_corners)


def _disparity(head: ReflectedConv, x: Tensor) -> Tensor:
    # eight bits of mantissa would cut depth into visible steps, so the last layer is never half precise
    with outside_autocast(x):
        return torch.sigmoid(head(x.to(head.conv.weight.dtype)))


def _start_at(convolution: nn.Conv2d, disp: float) -> None:
    with torch.no_grad():
        convolution.weight.mul_(_SHRINK)
        assert convolution.bias is not None
        convolution.bias.fill_(math.log(disp / (1.0 - disp)))


def _check_options(scales: Sequence[int], stages: int, upsample: str, initial_disp: float | None) -> None:
    usable = range(min(4, stages))
    if not scales or len(set(scales)) < len(scales) or not set(scales) <= set(usable):
        raise UserError(f"--scales {list(scales)}: expected some of {list(usable)}, each at most once.")
    if upsample not in UPSAMPLES:
        raise UserError(f"upsample {upsample!r}: expected one of {', '.join(UPSAMPLES)}.")
    if initial_disp is not None and not 0.0 < initial_disp < 1.0:
        raise UserError(f"initial_disp {initial_disp}: expected a sigmoid disparity between 0 and 1.")
