"""MiDaS v2.1 (Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022): the convolutional teacher.

No library carries this network, so it stands here, with the key names of `midas_v21_384.pt` as its public
description gives them. Neither key names nor outputs could be compared with the published file yet; the load
is strict, so a difference in names would be an error, not a wrong teacher. Its small relative is in
`midas_v21_small.py`, with the decoder of this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

_FEATURES = 256
_CHANNELS = (256, 512, 1024, 2048)


class ResidualUnit(nn.Module):
    """ReLU, 3x3, ReLU, 3x3 beside a shortcut, which is rectified too where the network was trained like that."""

    def __init__(self, width: int, *, rectified_shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.rectified_shortcut = rectified_shortcut

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W] to the same shape."""
        rectified = features.relu()
        residual = self.conv2(self.conv1(rectified).relu())
        return residual + (rectified if self.rectified_shortcut else features)


class Fusion(nn.Module):
    """Adds the features of the encoder to those from below, refines them and doubles their size.

    Args:
        out: channels after a last 1x1 convolution; None: there is none.
        rectified_shortcut: of both residual units; an in-place ReLU of the original does that.
    """

    def __init__(self, width: int, out: int | None = None, *, rectified_shortcut: bool) -> None:
        super().__init__()
        self.width = width
        self.resConfUnit1 = ResidualUnit(width, rectified_shortcut=rectified_shortcut)
        self.resConfUnit2 = ResidualUnit(width, rectified_shortcut=rectified_shortcut)
        self.out_conv = nn.Identity() if out is None else nn.Conv2d(width, out, 1)

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        """[B, width, H, W], twice, to [B, out, 2 H, 2 W]."""
        if skip is not None:
            features = features + self.resConfUnit1(skip)
        features = self.resConfUnit2(features)
        return self.out_conv(F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=True))


class MidasNet(nn.Module):
    """An encoder in four layers and a RefineNet decoder; image sides must be multiples of 32."""

    def __init__(self, layers: Sequence[nn.Module], channels: Sequence[int], fusions: Sequence[Fusion]) -> None:
        """
        Args:
            layers: the encoder from the finest map (1/4) to the coarsest (1/32).
            channels: of their maps.
            fusions: of the same levels; each gives the channels that the one above it takes.
        """
        super().__init__()
        self.pretrained, self.scratch = nn.Module(), nn.Module()
        for level, (layer, count, fusion) in enumerate(zip(layers, channels, fusions, strict=True), start=1):
            self.pretrained.add_module(f"layer{level}", layer)
            self.scratch.add_module(f"layer{level}_rn", nn.Conv2d(count, fusion.width, 3, padding=1, bias=False))
            self.scratch.add_module(f"refinenet{level}", fusion)
        width = fusions[0].width
        self.scratch.output_conv = nn.Sequential(
            nn.Conv2d(width, width // 2, 3, padding=1),
            # unlike in DPT: the head of MiDaS v2 keeps align_corners at its default
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(width // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] to relative disparity [B, 1, H, W]."""
        skips, features = [], images
        for level in (1, 2, 3, 4):
            features = self.pretrained.get_submodule(f"layer{level}")(features)
            skips.append(self.scratch.get_submodule(f"layer{level}_rn")(features))
        path = self.scratch.get_submodule("refinenet4")(skips[3])
        for level in (3, 2, 1):
            path = self.scratch.get_submodule(f"refinenet{level}")(path, skips[level - 1])
        return self.scratch.get_submodule("output_conv")(path)


def build_midas_v21() -> MidasNet:
    """ResNeXt-101 32x8d and its decoder on the meta device, waiting for weights."""
    with torch.device("meta"):
        net = torchvision.models.resnext101_32x8d(weights=None)
        first = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
        fusions = [Fusion(_FEATURES, rectified_shortcut=True) for _ in _CHANNELS]
        return MidasNet((first, net.layer2, net.layer3, net.layer4), _CHANNELS, fusions)


def with_batch_counts(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict, with the batch counts that files of old PyTorch versions lack; nothing depends on them."""
    means = [key for key in state if key.endswith(".running_mean")]
    counts = {key.replace("running_mean", "num_batches_tracked"): torch.zeros((), dtype=torch.long) for key in means}
    return {**counts, **state}
