"""Stops a run at the first loss that is no number, and says where it came from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses

REMEDY = (
    "the last saved checkpoint is intact. Look at the images of this batch, or try a lower --learning_rate, "
    "--precision fp32 or a smaller --clip_gradient_norm"
)


class FiniteGuard:
    """Looks at every step's loss terms without making the device wait at every step.

    On a CPU each step is checked before the weights move; on other devices the terms of a few steps
    are kept and read together, always before anything is saved.
    """

    def __init__(self, device: torch.device) -> None:
        self.every = 1 if device.type == "cpu" else 10
        self._kept: list[tuple[int, list[str], Tensor, list[str]]] = []
        self._norms: list[tuple[int, Tensor]] = []

    def watch(self, step: int, losses: Losses, samples: list[str]) -> None:
        """Remember this step's terms; raises UserError naming step, term and samples of a bad one."""
        values = torch.stack([term.detach() for term in losses.terms.values()])
        self._kept.append((step, list(losses.terms), values, samples))
        if len(self._kept) >= self.every:
            self.check()

    def check(self) -> None:
        """Read what was kept since the last check."""
        kept, self._kept = self._kept, []
        norms, self._norms = self._norms, []
        for step, names, values, samples in kept:
            finite = torch.isfinite(values)
            if not finite.all():
                bad = [name for name, good in zip(names, finite.tolist(), strict=True) if not good]
                raise UserError(
                    f"step {step}: the loss term {', '.join(bad)} is not a finite number "
                    f"(samples {_some(samples)}); {REMEDY}"
                )
        for step, norm in norms:
            if not torch.isfinite(norm):
                raise UserError(f"step {step}: the gradient is not finite; {REMEDY}")

    def watch_gradient(self, step: int, norm: Tensor, networks: nn.ModuleDict) -> None:
        """On a CPU, raises UserError when the gradient is not finite, naming the networks it is in.

        Elsewhere the norm is kept and read by `check`, so that weights it has spoilt are never saved.
        """
        if self.every > 1:
            self._norms.append((step, norm.detach()))
            return
        if torch.isfinite(norm):
            return
        bad = [
            name
            for name, network in networks.items()
            if any(p.grad is not None and not torch.isfinite(p.grad).all() for p in network.parameters())
        ]
        raise UserError(f"step {step}: the gradient of {', '.join(bad)} is not finite; {REMEDY}")


def _some(samples: list[str], most: int = 3) -> str:
    rest = len(samples) - most
    return ", ".join(samples[:most]) + (f" and {rest} more" if rest > 0 else "")
