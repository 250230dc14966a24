"""Inverse depths of a list of images: predicted, kept in a file, or read back from one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.modes import PredictionUnit
from selfsup_depth.evaluation.postprocess import blend_flipped
from selfsup_depth.structures import DepthPrediction


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
    def predict(self, images: Tensor) -> DepthPrediction: ...


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
    workers = min(settings.num_workers, os.cpu_count() or 1)
    loader: DataLoader[Tensor] = DataLoader(images, settings.batch_size, shuffle=False, num_workers=workers)
    for batch in loader:
        yield from _predict_batch(model, batch.float() / 255.0, settings.post_process).float().cpu()


def _predict_batch(model: DepthModel, images: Tensor, post_process: bool) -> Tensor:
    direct = model.predict(images).inverse_depth
    if not post_process:
        return direct
    mirrored = model.predict(images.flip(-1)).inverse_depth.flip(-1)
    return blend_flipped(direct, mirrored)


def save_while_predicting(
    predictions: Iterator[Tensor], path: Path, count: int, facts: Mapping[str, Any]
) -> Iterator[Tensor]:
    """Passes predictions on and writes them to `path` (.npy [count, h, w] float32) with a sidecar .json.

    The files appear under their names only when all `count` are there.

    Args:
        facts: what the sidecar says beside the count; must hold `metric`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    store: np.memmap | None = None
    try:
        for index, prediction in enumerate(predictions):
            if store is None:
                shape = (count, *prediction.shape[-2:])
                store = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
            store[index] = prediction[0].numpy()
            yield prediction
        if store is not None:
            store.flush()
            sidecar_path(path).write_text(json.dumps({**facts, "count": count}, indent=2) + "\n")
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
