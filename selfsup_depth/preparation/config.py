"""The options of prepare_data.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from selfsup_depth.config import DataConfig, FootageConfig
from selfsup_depth.errors import UserError

LOWEST_QUALITY = 50


@dataclass(frozen=True)
class OutputConfig:
    """What is written, and where."""

    output_directory: Path
    """Folder of the prepared set. A preparation that was stopped goes on there."""
    keep_depth: Literal["validation", "all"] = "validation"
    """Whose ground-truth depth is copied, where the data has some: that of validation alone, or of training too."""
    shards: bool = False
    """Write tar shards, to be read with --dataset shards from a disk or, copied to a server, from a URL."""
    shard_quality: int = 95
    """Quality of the JPEGs in tar shards; 0: exact pixels, seven times as many bytes."""

    def __post_init__(self) -> None:
        if not 0 <= self.shard_quality <= 100 or 0 < self.shard_quality < LOWEST_QUALITY:
            raise UserError(
                f"--shard_quality is that of JPEGs, from {LOWEST_QUALITY} to 100, or 0 for exact pixels; found "
                f"{self.shard_quality}; the default is {type(self).shard_quality}"
            )
        if not self.shards and self.shard_quality != type(self).shard_quality:
            raise UserError(
                f"--shard_quality {self.shard_quality} is about tar shards, but --shards is not given: add it, or "
                "leave out --shard_quality"
            )


@dataclass(frozen=True)
class PrepareConfig:
    """Decode, undistort, rectify and resize footage once, for training that only has to read it."""

    output: OutputConfig
    data: DataConfig = field(default_factory=DataConfig)
    footage: FootageConfig = field(default_factory=FootageConfig)
    learn_intrinsics: bool = False
    """The focal length will be learnt (train.py --learn_intrinsics): where nothing tells it, start from a guess."""
