"""Pose networks: the motion between images, from features or from the images themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup_depth.networks.layers import outside_autocast

#: published start near the identity: motions are this times what the last layer says
POSE_SCALE = 0.01
_WIDTH = 256


class PoseDecoder(nn.Module):
    """Motion from encoder features (Monodepth2; state-dict keys `net.0..3`).

    Args:
        channels: of the encoder's features; the last one is read.
        num_input_features: feature lists per call: 1 for a pose encoder that sees all images stacked,
            the number of images where each went through a shared encoder.
        num_poses: motions predicted (the published pair network predicts 2 and uses the first).
    """

    def __init__(self, channels: Sequence[int], num_input_features: int, num_poses: int) -> None:
        super().__init__()
        self.num_poses = num_poses
        self.net = nn.ModuleList(
            [
                nn.Conv2d(channels[-1], _WIDTH, 1),
                nn.Conv2d(num_input_features * _WIDTH, _WIDTH, 3, padding=1),
                nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
                nn.Conv2d(_WIDTH, 6 * num_poses, 1),
            ]
        )

    def forward(self, features: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
        """Axis-angle `[B, P, 3]` (radians) and translation `[B, P, 3]` (network units).

        `features` holds `num_input_features` lists as an encoder returns them.
        """
        squeeze, first, second, last = cast(list[nn.Conv2d], list(self.net))
        x = torch.cat([F.relu(squeeze(pyramid[-1])) for pyramid in features], dim=1)
        x = F.relu(second(F.relu(first(x))))
        return _motions(last, x, self.num_poses)


class PoseCNN(nn.Module):
    """Motion from stacked images by plain convolutions (after SfMLearner; keys `pose_conv`, `net.0..6`).

    Args:
        num_frames: images stacked along the channels; num_frames - 1 motions are predicted.
    """

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        self.num_poses = num_frames - 1
        self.pose_conv = nn.Conv2d(_WIDTH, 6 * self.num_poses, 1)
        widths = (3 * num_frames, 16, 32, 64, 128, _WIDTH, _WIDTH, _WIDTH)
        kernels = (7, 5, 3, 3, 3, 3, 3)
        self.net = nn.ModuleList(
            nn.Conv2d(widths[i], widths[i + 1], kernel, stride=2, padding=kernel // 2)
            for i, kernel in enumerate(kernels)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Axis-angle `[B, P, 3]` (radians) and translation `[B, P, 3]` (network units).

        `images` is `[B, 3 * num_frames, H, W]` in [0, 1].
        """
        x = images
        for convolution in self.net:
            x = F.relu(convolution(x))
        return _motions(self.pose_conv, x, self.num_poses)


def _motions(last: nn.Conv2d, x: Tensor, num_poses: int) -> tuple[Tensor, Tensor]:
    # a motion decides where every pixel lands, so the last layer is never half precise under autocast
    with outside_autocast(x):
        motions = POSE_SCALE * last(x.to(last.weight.dtype)).mean(dim=(2, 3))
    motions = motions.view(-1, num_poses, 6)
    return motions[..., :3], motions[..., 3:]
