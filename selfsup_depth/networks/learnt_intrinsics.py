"""A focal length that is learnt with depth and motion, for footage whose calibration nobody knows.

Gordon et al., "Depth from Videos in the Wild" (ICCV 2019), section 3.3, predict four intrinsics for every pair of
images. A camera does not change from one image to the next, and what a translating camera sees hardly tells its
principal point from its direction, nor one focal length from the other (measured on the rendered wall of the tests,
with true depth and motion: fx 11 %, fy 33 %, cx a tenth of the width off, at the loss of the true camera). So one
number is learnt for all footage; square pixels and the principal point are taken from the data. Only turns tell
the focal length from depth: a camera that moves straight ahead leaves it where it started.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

#: Adam moves a parameter by about the learning rate per step: 1e-4 times this lets the focal length change by a factor
#: of e in a thousand steps, within the first epochs of a usual training.
GAIN = 10.0


class LearntFocalLength(nn.Module):
    """What the focal lengths that the data says are multiplied by; starts at 1."""

    def __init__(self) -> None:
        super().__init__()
        self.log_factor = nn.Parameter(torch.zeros(()))  # divided by GAIN

    def forward(self, intrinsics: Tensor) -> Tensor:
        """[B, 3, 3] as the data says -> [B, 3, 3] as learnt, in the same pixels."""
        factor = torch.exp(GAIN * self.log_factor)
        one = torch.ones_like(factor)
        return intrinsics * torch.stack([factor, factor, one])  # columns: skew, of the first row, is as good as zero
