"""What is asked of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class EngineRequest:
    """Everything an engine is built from."""

    weights_folder: Path | None
    weights_format: str | None = None
    onnx_file: Path | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    device: str | None = None  # None: a GPU where there is one
