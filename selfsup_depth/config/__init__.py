"""Every option of training: Monodepth2's names, types and defaults, then ours in the same style.

One frozen dataclass per part; each part of the program receives only its own slice. The strings
under the fields are the texts of --help.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from selfsup_depth.config.data import DataConfig
from selfsup_depth.config.distill import DistillConfig
from selfsup_depth.config.footage import FootageConfig
from selfsup_depth.config.loading import LoadingConfig
from selfsup_depth.config.loss import LossConfig
from selfsup_depth.config.network import NetworkConfig
from selfsup_depth.config.optimizer import OptimizerConfig
from selfsup_depth.config.run import RunConfig
from selfsup_depth.config.speed import SpeedConfig


@dataclass(frozen=True)
class TrainConfig:
    """Train depth from video, stereo, or both."""

    data: DataConfig = field(default_factory=DataConfig)
    footage: FootageConfig = field(default_factory=FootageConfig)
    loading: LoadingConfig = field(default_factory=LoadingConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    speed: SpeedConfig = field(default_factory=SpeedConfig)
    run: RunConfig = field(default_factory=RunConfig)


__all__ = [
    "DataConfig",
    "DistillConfig",
    "FootageConfig",
    "LoadingConfig",
    "LossConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "RunConfig",
    "SpeedConfig",
    "TrainConfig",
]
