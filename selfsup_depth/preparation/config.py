"""The options of prepare_data.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from selfsup_depth.config import DataConfig, FootageConfig


@dataclass(frozen=True)
class OutputConfig:
    """What is written, and where."""

    output_directory: Path
    """Folder of the prepared set. A preparation that was stopped goes on there."""
    keep_depth: Literal["validation", "all"] = "validation"
    """Whose ground-truth depth is copied, where the data has some: that of validation alone, or of training too."""


@dataclass(frozen=True)
class PrepareConfig:
    """Decode, undistort, rectify and resize footage once, for training that only has to read it."""

    output: OutputConfig
    data: DataConfig = field(default_factory=DataConfig)
    footage: FootageConfig = field(default_factory=FootageConfig)
    learn_intrinsics: bool = False
    """The focal length will be learnt (train.py --learn_intrinsics): where nothing tells it, start from a guess."""
