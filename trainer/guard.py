"""Stops a run at the first loss that is no number, and says where it came from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses
from trainer.processes import ALONE, Processes

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
    together, in order, and always before anything is saved. All processes check at the same steps and raise the same,
    whichever of them met the bad sample.
    """

    def __init__(self, device: torch.device, processes: Processes = ALONE) -> None:
        self.every = 1 if device.type == "cpu" else 10
        self.processes = processes
        self._kept: list[_Step] = []

    def watch(self, step: int, losses: Losses, samples: list[str]) -> None:
        """Remember this step's terms; raises UserError naming step, term and samples of a bad one."""
        if len(self._kept) >= self.every:
            self.check()
        values = torch.stack([term.detach() for term in losses.terms.values()])
        self._kept.append(_Step(step, list(losses.terms), values, samples))
        if self.every == 1:
            self._check_terms(self._kept[-1:])

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
            raise self._bad_gradient(step, f" of {', '.join(bad)}")

    def check(self) -> None:
        """Read what was kept since the last check; raises UserError for the first step that went wrong."""
        kept, self._kept = self._kept, []
        self._check_terms(kept)

    def _check_terms(self, steps: list[_Step]) -> None:
        """Raises for the first step in which some process has a bad term or, where it is known, a bad gradient."""
        if not steps:
            return
        bad = self.processes.sum(torch.cat([~torch.isfinite(step.terms) for step in steps]).int()).tolist()
        for step in steps:
            names = [name for name, found in zip(step.names, bad, strict=False) if found]
            bad = bad[len(step.names) :]
            if names:
                here = not torch.isfinite(step.terms).all()
                raise UserError(
                    f"step {step.number}: the loss term {', '.join(names)} is not a finite number "
                    f"(samples {self._samples(step.samples if here else [])}); {REMEDY}"
                )
            if step.gradient_norm is not None and not torch.isfinite(step.gradient_norm):
                raise self._bad_gradient(step)

    def _bad_gradient(self, step: _Step, where: str = "") -> UserError:
        """The gradient is that of all processes, so all come here."""
        return UserError(
            f"step {step.number}: the gradient{where} is not finite (samples {self._samples(step.samples)}); {REMEDY}"
        )

    def _samples(self, here: list[str]) -> str:
        return _some([name for names in self.processes.gather(here) for name in names])


def _some(samples: list[str], most: int = 3) -> str:
    rest = len(samples) - most
    return ", ".join(samples[:most]) + (f" and {rest} more" if rest > 0 else "")
