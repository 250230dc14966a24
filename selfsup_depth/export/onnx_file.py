"""Depth networks as ONNX files: images in, depth out, and what the depth means in the file's own metadata."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from selfsup_depth import __version__
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.predictor import DepthPredictor

INPUT, OUTPUT = "images", "depth"
KEY = "selfsup_depth"  # under which the file's metadata has our facts, as JSON
MULTIPLE = 32  # sides of images, for the encoders halve them five times
EXTRA = "pip install 'selfsup-depth[export]'"


class DepthGraph(nn.Module):
    """Images [B, 3, H, W] in [0, 1] to depth [B, 1, H, W], in metres where the model knows them."""

    def __init__(self, predictor: DepthPredictor) -> None:
        super().__init__()
        self.method = predictor.method

    def forward(self, images: Tensor) -> Tensor:
        return self.method.predict(images).depth


def export_onnx(predictor: DepthPredictor, path: Path, *, dynamic_size: bool = False) -> None:
    """Write the network as an ONNX file whose batch is free.

    Args:
        dynamic_size: let height and width be free too, multiples of 32. Depth is best at the training size.

    Raises UserError when the export packages are missing or the file cannot be written.
    """
    try:
        import onnx  # noqa: F401 (torch.onnx imports it when it is too late to say what is missing)
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise _missing(error.name) from error
    _make_folder_of(path)
    images = torch.rand(2, 3, predictor.height, predictor.width, device=predictor.device)
    shapes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if dynamic_size:
        shapes |= {2: MULTIPLE * torch.export.Dim("rows", min=2), 3: MULTIPLE * torch.export.Dim("columns", min=2)}
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            DepthGraph(predictor).eval(),
            (images,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: shapes},
            verbose=False,
        )
    assert program is not None  # with dynamo
    program.model.metadata_props[KEY] = json.dumps(facts_of(predictor.meta))
    temporary = path.with_name(f".{path.name}.part")
    try:
        program.save(str(temporary), external_data=False)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written ({error.strerror}): give another --output.") from error


def facts_of(meta: CheckpointMeta) -> dict[str, Any]:
    """What the numbers of an exported network mean; plain JSON."""
    return {
        "unit": "metres" if meta.metric else "relative (up to scale)",
        "metric": meta.metric,
        "scale_source": meta.scale_source,
        "height": meta.height,
        "width": meta.width,
        "images": "RGB in [0, 1], float32 [B, 3, height, width]",
        "intrinsics": list(meta.intrinsics) if meta.intrinsics else None,
        "method": meta.method,
        "encoder": meta.encoder,
        "step": meta.step,
        "origin": meta.origin,
        "library_version": __version__,
        "checkpoint": meta.to_json(),
    }


@dataclass(frozen=True)
class ExportedNetwork:
    """An ONNX file of ours, ready to run."""

    session: Any  # onnxruntime.InferenceSession
    facts: Mapping[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) that it was trained at."""
        return int(self.facts["height"]), int(self.facts["width"])

    @property
    def meta(self) -> CheckpointMeta:
        """What the checkpoint that was exported says of itself."""
        return CheckpointMeta.from_json(self.facts["checkpoint"], "the exported network")

    @property
    def metric(self) -> bool:
        return bool(self.facts["metric"])

    @property
    def provider(self) -> str:
        """What computes: the first of onnxruntime's execution providers that the session really has."""
        return str(self.session.get_providers()[0])

    def depth(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """[B, 1, H, W] float32 of images [B, 3, H, W] float32 RGB in [0, 1].

        Raises UserError for a size that the file was not exported for.
        """
        wanted = self.session.get_inputs()[0].shape
        for place, side in ((2, "height"), (3, "width")):
            found, expected = images.shape[place], wanted[place]
            fits = found == expected if isinstance(expected, int) else found % MULTIPLE == 0
            if not fits:
                what = f"{expected}" if isinstance(expected, int) else f"a multiple of {MULTIPLE}"
                raise UserError(
                    f"the exported network takes images of {side} {what}, found {found}: resize them, or export with "
                    "--dynamic_size."
                )
        return self.session.run([OUTPUT], {INPUT: np.ascontiguousarray(images, dtype=np.float32)})[0]


def load_onnx(path: Path, *, use_cuda: bool = False, threads: int = 0) -> ExportedNetwork:
    """Open a file that `export_onnx` wrote.

    Args:
        use_cuda: on the GPU, where onnxruntime has been built for it and can; `provider` of the result says whether.
        threads: of the CPU; 0: as onnxruntime likes.

    Raises UserError when onnxruntime is missing, or the file is missing, damaged or not one of ours.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime") from error
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; write it with export_onnx.py.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if use_cuda and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        providers.insert(0, "CUDAExecutionProvider")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common class of their own
        raise UserError(f"{path} cannot be read as an ONNX network: export it again. ({_first_line(error)})") from error
    try:
        facts = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path} is an ONNX file that does not say what its output means: use one that export_onnx.py wrote."
        ) from error
    return ExportedNetwork(session, facts)


def parity(predictor: DepthPredictor, network: ExportedNetwork, *, batch: int = 2) -> float:
    """Largest relative difference of depth between PyTorch and the exported file, on noise of a fixed seed."""
    images = torch.rand(batch, 3, predictor.height, predictor.width, generator=torch.Generator().manual_seed(0))
    own = predictor.predict(images).depth.cpu().numpy()
    return float(np.max(np.abs(network.depth(images.numpy()) - own) / own))


class _quiet(warnings.catch_warnings):
    """The exporter tells its own history on two channels; nothing in it is for users."""

    def __enter__(self) -> Any:
        result = super().__enter__()
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        return result

    def __exit__(self, *error: Any) -> None:
        logging.disable(logging.NOTSET)
        super().__exit__(*error)


def _make_folder_of(path: Path) -> None:
    """Before the work, not after it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}): give another --output.") from error


def _missing(package: str | None) -> UserError:
    return UserError(f"ONNX files need the package {package}, which is not installed: {EXTRA}.")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
