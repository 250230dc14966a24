"""A running average of the weights: what is validated, saved and predicted with.

Polyak and Juditsky 1992; as an exponential average in Tarvainen and Valpola 2017. Single steps of
Adam scatter around the minimum, and a short training has no long tail of small steps in which that
scatter dies out; the average removes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential average of the parameters and buffers of `networks`; decay 0 turns it off.

    The average starts as a plain mean: with n updates behind it the decay is at most (1 + n) / (10 + n).
    """

    def __init__(self, networks: nn.Module, decay: float) -> None:
        self.networks, self.decay, self.updates = networks, decay, 0
        self._average: dict[str, Tensor] = self._copy() if decay else {}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now; once per optimiser step."""
        if not self.decay:
            return
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        now = self.networks.state_dict()
        floating = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._average[name] for name in floating], [now[name] for name in floating], 1 - decay)
        for name, value in now.items():
            if not value.is_floating_point():
                self._average[name].copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the networks hold the average; afterwards their own weights, to the bit."""
        if not self.decay:
            yield
            return
        own = self._copy()
        self.networks.load_state_dict(self._average)
        try:
            yield
        finally:
            self.networks.load_state_dict(own)

    def state(self) -> dict[str, object]:
        """What a resumed run needs beside the saved networks, which are the average."""
        return {"updates": self.updates, "own": self._copy()} if self.decay else {}

    def restore(self, state: dict[str, object]) -> None:
        """After the saved networks (the average) were loaded: remember them, put the own weights back."""
        if not self.decay:
            return
        self._average = self._copy()
        self.updates = int(state["updates"])  # type: ignore[call-overload]
        self.networks.load_state_dict(state["own"])  # type: ignore[arg-type]

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.networks.state_dict().items()}
