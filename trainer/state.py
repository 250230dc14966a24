"""Where a run stands, and everything that must be put back for it to go on to the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from selfsup_depth.structures import Method
from trainer.averaging import WeightAverage


@dataclass
class Position:
    """The next step to run. Shuffling, augmentation, loss noise and dropout are functions of it and the seed."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0  # over all epochs
    best_score: float | None = None  # lower is better


@dataclass(frozen=True)
class TrainingState:
    """All that changes from step to step; the trainer and its recorder share it."""

    method: Method
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: WeightAverage
    position: Position


def capture(state: TrainingState, options: dict[str, Any]) -> dict[str, Any]:
    """Training state as plain types and tensors (loadable with weights_only=True); networks are saved beside it."""
    return {
        "position": asdict(state.position),
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict(),
        "average": state.average.state(),
        "options": options,
    }


def restore(saved: Mapping[str, Any], state: TrainingState) -> None:
    """Undo `capture` into a fresh state, in place; the saved networks are loaded already."""
    state.optimizer.load_state_dict(saved["optimizer"])
    state.scaler.load_state_dict(saved["scaler"])
    state.average.restore(saved["average"])
    for name, value in saved["position"].items():
        setattr(state.position, name, value)


def changed_options(before: dict[str, Any], now: dict[str, Any], may_change: frozenset[str]) -> list[str]:
    """Options that differ from the run that is resumed, as `name: before -> now`."""
    return [
        f"--{name}: {before.get(name)} -> {now.get(name)}"
        for name in sorted(set(before) | set(now))
        if name not in may_change and before.get(name) != now.get(name)
    ]
