"""What runs the network: PyTorch, or another engine with an exported file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.engine_request import EngineRequest
from selfsup_depth.prediction.onnx_engine import OnnxEngine
from selfsup_depth.predictor import DepthPredictor


class Engine(Protocol):
    """Images in, inverse depth out."""

    meta: CheckpointMeta  # unit, network size, where it comes from
    weights: str  # what was loaded, for the sidecars: the checkpoint folder or the exported file
    runs_on: str  # what computes, for the sidecars and to be said: a device, or onnxruntime's execution provider
    device: torch.device  # where images are wanted and inverse depth comes out

    def __call__(self, images: Tensor) -> Tensor:
        """Inverse depth of images.

        Args:
            images: [B, 3, h, w] float32 RGB in [0, 1] on `device`, h x w = meta.height x meta.width.
        Returns:
            [B, 1, h, w] float32 on `device`, > 0: 1 / metres if meta.metric, else up to one factor.
        """


class TorchEngine:
    """A checkpoint in PyTorch."""

    def __init__(self, request: EngineRequest) -> None:
        """Raises UserError when there is no checkpoint, or the device cannot compute in that precision."""
        if request.onnx_file is not None:
            raise UserError(f"--onnx_file {request.onnx_file} is not read by --engine torch: use --engine onnx")
        if request.weights_folder is None:
            raise UserError("--load_weights_folder is needed: give the folder of a checkpoint")
        self._predictor = DepthPredictor.load(
            request.weights_folder, request.device, request.weights_format, precision=request.precision
        )
        self.meta, self.device = self._predictor.meta, self._predictor.device
        self.weights, self.runs_on = str(request.weights_folder), self.device.type

    def __call__(self, images: Tensor) -> Tensor:
        return self._predictor.predict_inverse_depth(images)


#: An engine is one class and one line here.
ENGINES: dict[str, Callable[[EngineRequest], Engine]] = {
    "torch": TorchEngine,
    "onnx": OnnxEngine,
}


__all__ = ["ENGINES", "Engine", "EngineRequest", "build_engine"]


def build_engine(name: str, request: EngineRequest) -> Engine:
    """The engine of this name. Raises UserError for an unknown one."""
    if name not in ENGINES:
        near = difflib.get_close_matches(name, ENGINES, n=1)
        hint = f"; perhaps you meant {near[0]}" if near else ""
        raise UserError(f"--engine {name} is not known; there are: {', '.join(ENGINES)}{hint}")
    return ENGINES[name](request)
