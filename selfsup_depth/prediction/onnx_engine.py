"""An exported network as an engine of predictions."""

from __future__ import annotations

import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.export import load_onnx
from selfsup_depth.prediction.engine_request import EngineRequest

NOT_ON_THE_GPU = (
    " (not on the GPU that is here, because the installed onnxruntime cannot use it: install onnxruntime-gpu in its "
    "place, or use --engine torch)"
)


class OnnxEngine:
    """A file that `export_onnx.py` wrote, in onnxruntime; images and depth stay on the CPU's side."""

    def __init__(self, request: EngineRequest) -> None:
        """Raises UserError when there is no file, or an option is about another engine."""
        if request.onnx_file is None:
            raise UserError("--engine onnx needs the exported network: write it with export_onnx.py, give --onnx_file")
        if request.weights_folder is not None:
            raise UserError(
                f"--load_weights_folder {request.weights_folder} is not read by --engine onnx, whose network is "
                f"{request.onnx_file}: leave it out, or use --engine torch"
            )
        if request.precision != "fp32":
            raise UserError(
                f"--precision {request.precision} is of --engine torch, and {request.onnx_file} is fp32: leave "
                "it out"
            )
        use_cuda = torch.cuda.is_available() and request.device in (None, "cuda")
        self._network = load_onnx(request.onnx_file, use_cuda=use_cuda)
        self.runs_on = provider = self._network.provider
        if use_cuda and provider == "CPUExecutionProvider":
            self.runs_on += NOT_ON_THE_GPU
        self.meta, self.weights, self.device = self._network.meta, str(request.onnx_file), torch.device("cpu")

    def __call__(self, images: Tensor) -> Tensor:
        """[B, 3, h, w] float32 to inverse depth [B, 1, h, w]."""
        return 1.0 / torch.from_numpy(self._network.depth(images.cpu().numpy()))
