"""Where a run stands, and everything that must be put back for it to go on to the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from trainer.averaging import WeightAverage


@dataclass
class Position:
    """The next step to run. Shuffling, augmentation and loss noise are functions of it and the seed."""

    epoch: int = 0
    step_in_epoch: int = 0
    step: int = 0  # over all epochs
    best_score: float | None = None  # lower is better


def capture(
    position: Position,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    average: WeightAverage,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Training state as plain types and tensors (loadable with weights_only=True)."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "position": asdict(position),
        "optimizer": optimizer.state_dict(),
        "scaler": scaler.state_dict(),
        "average": average.state(),
        "torch_rng": torch.get_rng_state(),
        "cuda_rng": cuda,
        "options": options,
    }


def restore(
    state: Mapping[str, Any],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    average: WeightAverage,
) -> Position:
    """Undo `capture` into a fresh optimizer, scaler and average; the saved networks are loaded already."""
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    average.restore(state["average"])
    torch.set_rng_state(state["torch_rng"])
    if state["cuda_rng"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda_rng"])
    return Position(**state["position"])


def changed_options(before: dict[str, Any], now: dict[str, Any], may_change: frozenset[str]) -> list[str]:
    """Options that differ from the run that is resumed, as `name: before -> now`."""
    return [
        f"--{name}: {before.get(name)} -> {now.get(name)}"
        for name in sorted(set(before) | set(now))
        if name not in may_change and before.get(name) != now.get(name)
    ]
