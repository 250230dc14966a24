"""The small MiDaS v2.1 (Ranftl et al., TPAMI 2022): EfficientNet-Lite3 and a narrow decoder, for small devices.

Written from the public description of `midas_v21_small_256.pt`, as `midas_v21.py` is of its large relative:
neither key names nor outputs could be compared with the published file; the load is strict. Its decoder
differs from the large one's: the channels halve from level to level, by a 1x1 convolution after each fusion,
and no shortcut is rectified.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from selfsup_depth.teachers.midas_v21 import Fusion, MidasNet

_CHANNELS = (32, 48, 136, 384)
_WIDTHS = (64, 128, 256, 512)


def build_midas_v21_small() -> MidasNet:
    """The network on the meta device, waiting for weights."""
    import timm

    with torch.device("meta"):
        net: Any = timm.create_model("tf_efficientnet_lite3")
        # timm's bn1 ends with its ReLU6; in the original that is a layer of its own, which counts
        first = nn.Sequential(net.conv_stem, net.bn1, nn.Identity(), *net.blocks[:2])
        layers = [first, *(nn.Sequential(*part) for part in (net.blocks[2:3], net.blocks[3:5], net.blocks[5:]))]
        fusions = [
            Fusion(width, out, rectified_shortcut=False)
            for width, out in zip(_WIDTHS, (_WIDTHS[0], *_WIDTHS[:-1]), strict=True)
        ]
        return MidasNet(layers, _CHANNELS, fusions)
