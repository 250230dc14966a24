"""What a weight file or folder turns out to hold, before it becomes a teacher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from selfsup_depth.teachers.contract import Kind
from selfsup_depth.teachers.input_policy import InputPolicy
from selfsup_depth.teachers.table import Calibration


@dataclass(frozen=True)
class Facts:
    """What the output of a teacher's files means, the input it wants, and the files: all but the weights."""

    kind: Kind
    policy: InputPolicy
    files: tuple[Path, ...]
    conversion: str = ""  # of the output, in words, if there is one


@dataclass(frozen=True)
class Expert:
    """A network with its weights, and what is to be known of it."""

    network: nn.Module
    facts: Facts


class CalibratedDepth(nn.Module):
    """Metres from a network whose output is inverse depth up to published constants: 1 / (scale raw + shift)."""

    def __init__(self, network: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.network = network
        self.calibration = calibration

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, h, w] to depth [B, 1, h, w], at most 1 / shift."""
        raw = self.network(images).clamp(min=0)
        return 1.0 / (self.calibration.scale * raw + self.calibration.shift)
