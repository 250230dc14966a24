"""Where predictions come from: a network that runs now, or a file from earlier."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from selfsup_depth import __version__
from selfsup_depth.arithmetic import PrecisionName
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import EvaluationData
from selfsup_depth.evaluation.image_list import ImageList
from selfsup_depth.evaluation.modes import PredictionUnit
from selfsup_depth.evaluation.predictions import (
    DepthModel,
    PredictionFile,
    PredictionSettings,
    predict_inverse_depths,
    save_while_predicting,
)
from splits import eigen_to_benchmark_ids, read_split

#: Options that only matter when something is scored, with what they are when not given.
_SCORING_OPTIONS: dict[str, object] = {
    "gt_path": None,
    "pred_depth_scale_factor": 1.0,
    "disable_median_scaling": False,
    "extra_metrics": (),
}
#: Options of a network that runs now.
_NETWORK_OPTIONS: dict[str, object] = {
    "save_pred_disps": False,
    "no_eval": False,
    "post_process": False,
    "precision": "fp32",
}

LoadModel = Callable[[Path, str | None, PrecisionName], DepthModel]


def open_source(config: EvaluateConfig, load_model: LoadModel) -> PredictionSource:
    """The source that the options name.

    Args:
        load_model: (checkpoint folder, device or None for the best there is, precision) -> predictor.

    Raises:
        UserError: if none or two are named, or options are given that the source cannot follow.
    """
    _refuse_contradictions(config)
    if config.load_weights_folder is not None:
        model = load_model(config.load_weights_folder, "cpu" if config.no_cuda else None, config.precision)
        return FromModel(model, config.load_weights_folder, config)
    assert config.ext_disp_to_eval is not None  # _refuse_contradictions
    return FromFile(PredictionFile(config.ext_disp_to_eval), config)


class FromModel:
    """Predictions of a checkpoint, kept as a file when asked for."""

    def __init__(self, model: DepthModel, folder: Path, config: EvaluateConfig) -> None:
        self.model, self.folder, self.config = model, folder, config
        self.size: tuple[int, int] | None = (model.height, model.width)
        self.unit = PredictionUnit(model.metric, f"the checkpoint {folder}")
        self.facts: dict[str, Any] = {
            "checkpoint": {"folder": str(folder), **asdict(model.meta)},
            "precision": config.precision,
        }

    def out_dir(self, image_list: ImageList) -> Path:
        # Beside the checkpoint: its folder is replaced as a whole when training goes on.
        return _out_dir(self.config, image_list, self.folder.resolve())

    def stream(self, data: EvaluationData) -> Iterator[Tensor]:
        """Inverse depth [1, h, w] of each image, predicted while it is asked for."""
        if data.images is None:
            raise ValueError("A network needs images to predict from.")
        config = self.config
        settings = PredictionSettings(config.batch_size, config.num_workers, config.post_process)
        predictions = predict_inverse_depths(self.model, data.images, settings)
        if not config.save_pred_disps:
            return predictions
        path = self.out_dir(data.image_list) / f"disps_{data.image_list.label}_split.npy"
        sidecar = {
            "content": "inverse depth [N, h, w] float32, in the order of the list",
            "unit": "1/metres" if self.model.metric else "1/units, up to scale",
            "metric": self.model.metric,
            "post_process": config.post_process,
            "library_version": __version__,
            **self.facts,
            **data.facts,
        }
        return save_while_predicting(predictions, path, len(data.names), sidecar)


class FromFile:
    """Predictions that were made before, by us or by anybody."""

    size: tuple[int, int] | None = None

    def __init__(self, file: PredictionFile, config: EvaluateConfig) -> None:
        self.file, self.config = file, config
        self.unit = file.unit
        self.facts: dict[str, Any] = {"predictions_file": str(file.path), "predictions": file.facts}

    def out_dir(self, image_list: ImageList) -> Path:
        return _out_dir(self.config, image_list, self.file.path.with_suffix(""))

    def stream(self, data: EvaluationData) -> Iterator[Tensor]:
        """The stored maps in the order of the list, after the counts agree.

        Raises:
            UserError: if the file is of another list.
        """
        if not self.config.eval_eigen_to_benchmark:
            self.file.require_count(len(data.names))
            return iter(self.file)
        if data.image_list.label != "eigen_benchmark":
            raise UserError(
                "--eval_eigen_to_benchmark picks the 652 images of eigen_benchmark out of predictions for eigen: "
                f"use it with --eval_split eigen_benchmark, not {data.image_list.label}."
            )
        self.file.require_count(len(read_split("eigen", "test")))
        return (self.file[int(index)] for index in eigen_to_benchmark_ids())


PredictionSource = FromModel | FromFile


def _out_dir(config: EvaluateConfig, image_list: ImageList, beside: Path) -> Path:
    mode = "stereo" if config.eval_stereo else "mono"
    label = image_list.label
    if image_list.split is None:
        # "val" alone, or "stereo_folder_val", would make two data sets overwrite each other's results.
        where = image_list.data_path.resolve().name if image_list.data_path else ""
        named_alike = where.lower() in ("", image_list.dataset)
        label = "_".join([image_list.dataset, *([] if named_alike else [where]), label])
    arithmetic = "" if config.precision == "fp32" else f"_{config.precision}"
    return config.eval_out_dir or beside.with_name(f"{beside.name}_evaluation_{label}_{mode}{arithmetic}")


def _refuse_contradictions(config: EvaluateConfig) -> None:
    weights, file = config.load_weights_folder, config.ext_disp_to_eval
    if (weights is None) == (file is None):
        found = "neither" if weights is None else "both"
        raise UserError(
            "Give what is to be evaluated: either a checkpoint by --load_weights_folder or predictions by "
            f"--ext_disp_to_eval; {found} was found."
        )
    if config.no_eval and not config.save_pred_disps:
        raise UserError("--no_eval leaves nothing to do without --save_pred_disps: add it, or leave --no_eval out.")
    for name, default in _SCORING_OPTIONS.items():
        if config.no_eval and getattr(config, name) != default:
            raise UserError(f"--{name} is of no use with --no_eval, which scores nothing: leave one of them out.")
    if file is None and config.eval_eigen_to_benchmark:
        raise UserError(
            "--eval_eigen_to_benchmark is for predictions in a file (--ext_disp_to_eval): with a checkpoint, use "
            "--eval_split eigen_benchmark."
        )
    for name, default in _NETWORK_OPTIONS.items():
        if file is not None and getattr(config, name) != default:
            raise UserError(f"--{name} needs a network to run: predictions from --ext_disp_to_eval are scored as is.")
