"""In which precisions a device can run a network."""

from __future__ import annotations

from typing import Literal

import torch

from selfsup_depth.errors import UserError

PrecisionName = Literal["fp32", "bf16", "fp16"]
#: of torch.autocast; None: none
AUTOCAST: dict[PrecisionName, torch.dtype | None] = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def autocast_type(
    precision: PrecisionName, device: torch.device, option: str = "--precision"
) -> torch.dtype | None:
    """Raises UserError for a precision that the device can only imitate, many times slower than fp32."""
    if device.type == "cpu" and precision == "fp16":
        raise UserError(
            f"{option} fp16 needs a GPU (on a CPU it is many times slower than fp32): use bf16 or fp32 there"
        )
    if device.type == "cpu" and precision == "bf16" and not cpu_has_bf16():
        raise UserError(
            f"{option} bf16: this CPU has no instructions for it (AVX-512), without which it is forty times slower "
            "than fp32: use fp32"
        )
    if device.type == "cuda" and precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UserError(
            f"{option} bf16: {torch.cuda.get_device_name(device)} has no such arithmetic (that began with "
            "NVIDIA's Ampere): use fp16 or fp32"
        )
    return AUTOCAST[precision]


def cpu_has_bf16() -> bool:
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
