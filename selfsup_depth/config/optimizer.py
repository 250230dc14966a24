"""How it is minimised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfsup_depth.config.wording import default_of
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class OptimizerConfig:
    """How it is minimised."""

    batch_size: int = 12
    """Samples per step; of all processes together, where torchrun starts several."""
    learning_rate: float = 1e-4
    """Adam's learning rate."""
    num_epochs: int = 20
    """Passes over the training set."""
    scheduler_step_size: int = 15
    """Every this many epochs the learning rate drops to a tenth."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the networks; warps and losses are always fp32."""
    clip_gradient_norm: float = 10.0
    """Longer gradients are shortened to this norm; 0: never."""
    ema_decay: float = 0.995
    """Validate, save and predict with a running average of the weights; 0: with the last ones, as published."""
    accumulate_steps: int = 1
    """Batches per optimiser step; the effective batch is batch_size times this."""
    sync_batchnorm: bool = False
    """Of several processes: batch norms see the whole batch, not each process's share; results then do not depend on
    the number of processes, and a step takes longer."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "num_epochs", "scheduler_step_size", "accumulate_steps"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, found {getattr(self, name)}{default_of(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise UserError(
                f"--learning_rate must be positive, found {self.learning_rate:g}{default_of(self, 'learning_rate')}"
            )
        if not 0 <= self.ema_decay < 1:
            raise UserError(
                f"--ema_decay must be at least 0 and below 1, found {self.ema_decay:g}{default_of(self, 'ema_decay')}"
            )
        if not self.clip_gradient_norm >= 0:
            raise UserError(
                f"--clip_gradient_norm must not be negative, found {self.clip_gradient_norm:g}: 0 never shortens"
            )
