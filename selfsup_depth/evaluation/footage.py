"""How footage of one's own is read when it is scored: as the options say, else as the checkpoint was trained on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from selfsup_depth.config import FootageConfig
from selfsup_depth.datasets import READ_FOOTAGE_OPTIONS, FootageOptions
from selfsup_depth.datasets.request import GUESSED_FOV
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig

_PATHS = ("calibration", "right_video")


def footage_options(config: EvaluateConfig, training_options: Mapping[str, Any]) -> FootageOptions:
    """What the options say of the footage, beneath it what the checkpoint's training said of the same folder.

    Frames are held out of those that training took: with another --frame_step others would be scored, some of them
    training frames. A camera is needed only by point clouds.

    Args:
        training_options: `CheckpointMeta.config`; empty where nothing is known.
    """
    values = _trained_with(config, training_options) | _given(config.footage)
    if config.footage.fps is not None or config.footage.frame_step != 1:  # two ways to say the same
        values |= {"fps": config.footage.fps, "frame_step": config.footage.frame_step}
    needs_camera = "point_cloud" in config.extra_metrics  # nothing else is changed by whatever is assumed
    return FootageOptions(**values, guess_fov=None if needs_camera else GUESSED_FOV)


def refuse_ignored_footage(config: EvaluateConfig) -> None:
    """Raises UserError for an option of own footage that the data set would not look at."""
    given = [f"--{name}" for name in _given(config.footage)]
    if given and config.dataset not in READ_FOOTAGE_OPTIONS:
        raise UserError(
            f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} about footage of your own, but --dataset is "
            f"{config.dataset}, which brings its own cameras and frames: leave that out, or choose one of "
            f"{', '.join(READ_FOOTAGE_OPTIONS)}."
        )


def _given(footage: FootageConfig) -> dict[str, Any]:
    return {o.name: getattr(footage, o.name) for o in fields(footage) if getattr(footage, o.name) != o.default}


def _trained_with(config: EvaluateConfig, training_options: Mapping[str, Any]) -> dict[str, Any]:
    path = training_options.get("data_path")
    if config.data_path is None or path is None or training_options.get("dataset") != config.dataset:
        return {}
    if Path(path).expanduser().resolve() != config.data_path.expanduser().resolve():
        return {}
    found = {o.name: training_options.get(o.name, o.default) for o in fields(FootageConfig)}
    changed = {o.name: found[o.name] for o in fields(FootageConfig) if found[o.name] != o.default}
    return {name: Path(value) if name in _PATHS else value for name, value in changed.items()}
