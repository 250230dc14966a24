"""What the loop asks of the program around it: data, scores, descriptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch.utils.data import Dataset

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.structures import Batch, Losses, Method
from trainer.state import Position

#: Told of images done and images in all.
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Validation:
    """Outcome of a pass over the whole validation set."""

    score: float  # lower is better: decides which checkpoint is the best
    protocol: str  # what the score is, in words
    values: dict[str, float]
    told: tuple[str, ...] | None = None  # which of them are printed; None: all


@dataclass(frozen=True)
class TrainingData:
    """Where batches come from."""

    dataset: Dataset
    collate: Callable[[list[Any]], Any]
    prepare: Callable[[Any], Batch]  # move to the device and augment there
    num_workers: int


@dataclass(frozen=True)
class Hooks:
    """What the program does for the loop."""

    describe: Callable[[Position, Validation | None], CheckpointMeta]
    validate: Callable[[Method, Tick], Validation]
    picture: Callable[[Losses], dict[str, Any]]  # name -> [H, W, 3] uint8
    options: dict[str, Any] = field(default_factory=dict)  # stored, compared when resuming
