"""Stops a run at the first loss that is no number, and says where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses

REMEDY = (
    "the last saved checkpoint is intact. Look at the images of this batch, or try a lower --learning_rate, "
    "--precision fp32 or a smaller --clip_gradient_norm"
)


@dataclass
class _Step:
    number: int
    names: list[str]
    terms: Tensor
    samples: list[str]
    gradient_norm: Tensor | None = None


class FiniteGuard:
    """Looks at every step's loss terms and gradient without making the device wait at every step.

    On a CPU each step is checked before the weights move; on other devices a few steps are kept and read
    together, in order, and always before anything is saved.
    """

    def __init__(self, device: torch.device) -> None:
        self.every = 1 if device.type == "cpu" else 10
        self._kept: list[_Step] = []

    def watch(self, step: int, losses: Losses, samples: list[str]) -> None:
        """Remember this step's terms; raises UserError naming step, term and samples of a bad one."""
        if len(self._kept) >= self.every:
            self.check()
        values = torch.stack([term.detach() for term in losses.terms.values()])
        self._kept.append(_Step(step, list(losses.terms), values, samples))
        if self.every == 1:
            self._check_terms(self._kept[-1])

    def watch_gradient(self, norm: Tensor, networks: nn.ModuleDict) -> None:
        """Remember the norm of the gradient of the step watched last; on a CPU raises UserError at once."""
        step = self._kept[-1]
        step.gradient_norm = norm.detach()
        if self.every == 1 and not torch.isfinite(norm):
            bad = [
                name
                for name, network in networks.items()
                if any(p.grad is not None and not torch.isfinite(p.grad).all() for p in network.parameters())
            ]
            raise _bad_gradient(step, f" of {', '.join(bad)}")

    def check(self) -> None:
        """Read what was kept since the last check; raises UserError for the first step that went wrong."""
        kept, self._kept = self._kept, []
        for step in kept:
            self._check_terms(step)
            if step.gradient_norm is not None and not torch.isfinite(step.gradient_norm):
                raise _bad_gradient(step)

    def _check_terms(self, step: _Step) -> None:
        finite = torch.isfinite(step.terms)
        if not finite.all():
            bad = [name for name, good in zip(step.names, finite.tolist(), strict=True) if not good]
            raise UserError(
                f"step {step.number}: the loss term {', '.join(bad)} is not a finite number "
                f"(samples {_some(step.samples)}); {REMEDY}"
            )


def _bad_gradient(step: _Step, where: str = "") -> UserError:
    return UserError(
        f"step {step.number}: the gradient{where} is not finite (samples {_some(step.samples)}); {REMEDY}"
    )


def _some(samples: list[str], most: int = 3) -> str:
    rest = len(samples) - most
    return ", ".join(samples[:most]) + (f" and {rest} more" if rest > 0 else "")
