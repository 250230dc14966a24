"""Inverse depths of a list of images: predicted, kept in a file, or read back from one."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.modes import PredictionUnit
from selfsup_depth.evaluation.postprocess import blend_flipped
from selfsup_depth.memory import run_or_say_what_fits
from selfsup_depth.overlap import BATCHES_AHEAD, ToHost
from selfsup_depth.workers import begin_worker


class DepthModel(Protocol):
    """What evaluation needs of a predictor."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def metric(self) -> bool: ...
    @property
    def meta(self) -> Any: ...
    @property
    def device(self) -> torch.device: ...
    def predict_inverse_depth(self, images: Tensor) -> Tensor:
        """[B, 1, height, width] of images [B, 3, height, width] float in [0, 1] on `device`."""


@dataclass(frozen=True)
class PredictionSettings:
    """How a network is run over a list; changes speed, except for `post_process`."""

    batch_size: int = 16
    num_workers: int = 0
    post_process: bool = False


def predict_inverse_depths(
    model: DepthModel, images: Dataset[Tensor], settings: PredictionSettings
) -> Iterator[Tensor]:
    """Yields inverse depth [1, h, w] float32 on the CPU for each image [3, H, W] uint8, in order."""
    device = model.device
    loader: DataLoader[Tensor] = DataLoader(
        images,
        settings.batch_size,
        shuffle=False,
        num_workers=min(settings.num_workers, os.cpu_count() or 1),
        pin_memory=device.type == "cuda",
        worker_init_fn=begin_worker,
    )
    started: deque[ToHost] = deque()
    for batch in loader:
        started.append(ToHost(_predict_what_fits(model, batch, settings.post_process)))
        if len(started) > BATCHES_AHEAD.get(device.type, 0):
            yield from started.popleft().arrived()[0]
    while started:
        yield from started.popleft().arrived()[0]


def _predict_what_fits(model: DepthModel, batch: Tensor, post_process: bool) -> Tensor:
    def predict(count: int) -> Tensor:
        # bytes travel, a quarter of what floats would take
        images = batch[:count].to(model.device, non_blocking=True).float().div_(255)
        return _predict_batch(model, images, post_process).float()

    return run_or_say_what_fits(predict, len(batch), model.device)


@torch.inference_mode()
def _predict_batch(model: DepthModel, images: Tensor, post_process: bool) -> Tensor:
    direct = model.predict_inverse_depth(images)
    if not post_process:
        return direct
    mirrored = model.predict_inverse_depth(images.flip(-1)).flip(-1)
    return blend_flipped(direct, mirrored)


def save_while_predicting(
    predictions: Iterator[Tensor], path: Path, count: int, facts: Mapping[str, Any]
) -> Iterator[Tensor]:
    """Passes predictions on and writes them to `path` (.npy [count, h, w] float32) with a sidecar .json.

    The files appear under their names only when all `count` are there.

    Args:
        facts: what the sidecar says beside the count; must hold `metric`.
    """
    unfinished = path.with_suffix(".partial")
    file: BinaryIO | None = None
    try:
        for prediction in predictions:
            with _written(path):
                if file is None:
                    file = _start_file(unfinished, (count, *prediction.shape[-2:]))
                file.write(np.ascontiguousarray(prediction[0].numpy(), dtype="<f4").data)
            yield prediction
        if file is not None:
            with _written(path):
                file.close()
                sidecar_path(path).write_text(json.dumps({**facts, "count": count}, indent=2) + "\n")
                unfinished.replace(path)
    finally:
        if file is not None:
            with suppress(OSError):  # of a full disk, which has been told
                file.close()
        unfinished.unlink(missing_ok=True)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"--save_pred_disps: {path} cannot be written ({error.strerror}): make room, or give another "
            "--eval_out_dir."
        ) from error


def _start_file(path: Path, shape: tuple[int, ...]) -> BinaryIO:
    """An .npy that is to be filled from front to back: a mapped one would kill the program where the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("wb")
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file


def sidecar_path(path: Path) -> Path:
    """The file beside stored predictions that names their unit."""
    return path.with_suffix(".json")


class PredictionFile(Sequence[Tensor]):
    """Inverse depths [N, h, w] from an .npy, and what is known of their unit.

    Raises:
        UserError: if the file is missing, no plain array, or of another shape.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._array = _open_array(path)
        self.facts = _read_sidecar(path)

    def require_count(self, expected: int) -> None:
        """Raises UserError unless there is one prediction for each of `expected` images."""
        if len(self) != expected:
            raise UserError(
                f"--ext_disp_to_eval {self.path} holds {len(self)} predictions, but the list has {expected} images: "
                "give predictions of the same list in the same order (see --eval_split, --eval_eigen_to_benchmark)."
            )

    @property
    def unit(self) -> PredictionUnit:
        return PredictionUnit(self.facts.get("metric"), f"the file {self.path}")

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> Tensor:  # type: ignore[override]
        return torch.from_numpy(np.array(self._array[index], dtype=np.float32))[None]


def _open_array(path: Path) -> NDArray[np.floating]:
    if not path.is_file():
        raise UserError(f"--ext_disp_to_eval {path} does not exist; give an .npy file of inverse depths [N, h, w].")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(
            f"--ext_disp_to_eval {path} is not a plain .npy array [N, h, w] ({error}); save it with np.save."
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"--ext_disp_to_eval {path} is an archive of arrays; give one .npy array [N, h, w].")
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 3 or not np.issubdtype(array.dtype, np.floating):
        raise UserError(
            f"--ext_disp_to_eval {path}: expected floating-point inverse depths [N, h, w], found {array.dtype} "
            f"{list(array.shape)}."
        )
    return array


def _read_sidecar(path: Path) -> dict[str, Any]:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    try:
        facts = json.loads(sidecar.read_text())
    except json.JSONDecodeError as error:
        raise UserError(f"{sidecar}, which tells the unit of {path.name}, is not valid JSON ({error}).") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("metric"), bool):
        raise UserError(f"{sidecar}: expected an entry 'metric' that is true or false; mend it or remove the file.")
    return facts
