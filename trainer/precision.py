"""In which arithmetic the networks run. Warps and losses are always float32 (methods see to that)."""

from __future__ import annotations

from typing import Literal

import torch

from selfsup_depth.errors import UserError

#: A scale that has been halved from 65536 this often never fitted.
HOPELESS_SCALE = 1e-3
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """Autocast, and the loss scaling that fp16 gradients need."""

    def __init__(self, name: Literal["fp32", "bf16", "fp16"], device: torch.device) -> None:
        self.device = device
        self.dtype = DTYPES[name]
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Let the optimiser step; False when fp16 gradients overflowed and the step was left out.

        Without a scaler there is nothing to look at, and no wait for the device.
        """
        before = self.scaler.get_scale()
        self.scaler.step(optimizer)
        self.scaler.update()
        after = self.scaler.get_scale()
        if self.scaler.is_enabled() and after < HOPELESS_SCALE:
            raise UserError(
                "--precision fp16: the gradient has not been finite for many steps, so nothing is learnt; "
                "use --precision bf16 or fp32, or a lower --learning_rate"
            )
        return after >= before

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32)
