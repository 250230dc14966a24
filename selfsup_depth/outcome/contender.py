"""A run as one of two that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from selfsup_depth.config import LossConfig
from selfsup_depth.errors import UserError
from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.predictor import DepthPredictor


@dataclass(frozen=True)
class Contender:
    """A run with its scores and its network."""

    run: FinishedRun
    summary: Mapping[str, Any]  # of the scores; empty without ground truth
    predictor: DepthPredictor


def names_of(first: FinishedRun, second: FinishedRun) -> tuple[str, str]:
    """The names of the runs; with their folders where they are the same.

    Raises:
        UserError: when they are one run.
    """
    if first.folder.resolve() == second.folder.resolve():
        raise UserError(f"--against {second.folder} is the run itself: give another run.")
    if first.name != second.name:
        return first.name, second.name
    return str(first.folder), str(second.folder)


def other_losses(first: FinishedRun, second: FinishedRun) -> str:
    """Why loss curves of the two cannot be read against each other; empty: they can."""
    differing = [
        f"--{option.name}" for option in fields(LossConfig)
        if getattr(first.config.loss, option.name) != getattr(second.config.loss, option.name)
    ]  # fmt: skip
    if set(first.config.data.frame_ids) != set(second.config.data.frame_ids):
        differing.append("--frame_ids")
    if first.config.data.use_stereo != second.config.data.use_stereo:
        differing.append("--use_stereo")
    if not differing:
        return ""
    return f"The runs differ in {', '.join(differing)}: their loss curves are not of the same quantity."
