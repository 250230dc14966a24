"""The options of check_data.py: those of training's data, and how much is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from selfsup_depth.config.data import DataConfig
from selfsup_depth.config.footage import FootageConfig
from selfsup_depth.config.wording import default_of
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class CheckConfig:
    """Look at data before training on it. Exit status: 0 no error was found, 1 one was, 2 nothing could be read."""

    data: DataConfig = field(default_factory=DataConfig)
    footage: FootageConfig = field(default_factory=FootageConfig)
    learn_intrinsics: bool = False
    """The focal length will be learnt: where nothing tells it, the guess is looked at that training starts from."""
    min_depth: float = 0.1
    """Nearest depth of the training to come, in network units. With stereo a unit is ten baselines."""
    max_depth: float = 100.0
    """Farthest depth of the training to come, in network units."""
    samples: int = 24
    """Training targets to look at, spread evenly; of validation a third as many."""
    seed: int = 0
    """Which targets those are."""
    output_directory: Path | None = None
    """Where check.html and check.json go. None: checks/NAME, the name of the data folder (of the data set, where there
    is no folder)."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UserError(f"--samples must be at least 1, found {self.samples}{default_of(self, 'samples')}")
        if self.seed < 0:
            raise UserError(f"--seed must be 0 or more, found {self.seed}{default_of(self, 'seed')}")
        if not 0 < self.min_depth < self.max_depth:
            raise UserError(
                f"--min_depth must be positive and below --max_depth; found {self.min_depth:g} and {self.max_depth:g}"
            )
