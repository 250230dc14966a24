"""MiDaS v2.1 (Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022): the convolutional teacher.

No library carries this network, so it stands here, with the key names of `midas_v21_384.pt` as its public
description gives them. Neither key names nor outputs could be compared with the published file yet; the load
is strict, so a difference in names would be an error, not a wrong teacher.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

_FEATURES = 256
_CHANNELS = (256, 512, 1024, 2048)


class _ResidualUnit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_FEATURES, _FEATURES, 3, padding=1)
        self.conv2 = nn.Conv2d(_FEATURES, _FEATURES, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        # the weights were trained with an in-place ReLU, which rectified the shortcut as well
        features = features.relu()
        return features + self.conv2(self.conv1(features).relu())


class _Fusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resConfUnit1 = _ResidualUnit()
        self.resConfUnit2 = _ResidualUnit()

    def forward(self, features: Tensor, skip: Tensor | None = None) -> Tensor:
        if skip is not None:
            features = features + self.resConfUnit1(skip)
        features = self.resConfUnit2(features)
        return F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=True)


class MidasV21(nn.Module):
    """ResNeXt-101 32x8d encoder and a RefineNet decoder; image sides must be multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        net = torchvision.models.resnext101_32x8d(weights=None)
        self.pretrained = nn.Module()
        self.pretrained.layer1 = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
        self.pretrained.layer2, self.pretrained.layer3, self.pretrained.layer4 = net.layer2, net.layer3, net.layer4
        self.scratch = nn.Module()
        for level, channels in enumerate(_CHANNELS, start=1):
            self.scratch.add_module(f"layer{level}_rn", nn.Conv2d(channels, _FEATURES, 3, padding=1, bias=False))
        for level in (4, 3, 2, 1):
            self.scratch.add_module(f"refinenet{level}", _Fusion())
        self.scratch.output_conv = nn.Sequential(
            nn.Conv2d(_FEATURES, 128, 3, padding=1),
            # unlike in DPT: the head of MiDaS v2 keeps align_corners at its default
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(128, 32, 3, padding=1),
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


def build_midas_v21() -> MidasV21:
    """The network on the meta device, waiting for weights."""
    with torch.device("meta"):
        return MidasV21()


def with_batch_counts(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict, with the batch counts that files of old PyTorch versions lack; nothing depends on them."""
    means = [key for key in state if key.endswith(".running_mean")]
    counts = {key.replace("running_mean", "num_batches_tracked"): torch.zeros((), dtype=torch.long) for key in means}
    return {**counts, **state}
