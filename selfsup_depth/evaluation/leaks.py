"""Whether a checkpoint has seen the frames it is scored on (spec E.7: easy to do with KITTI's lists)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from splits import SPLITS, leakage

#: What each layout is trained on when no --split is given.
_DEFAULT_SPLIT = {"kitti": "eigen_zhou", "kitti_depth": "eigen_zhou", "kitti_odom": "odom"}


def leak_of(training_options: Mapping[str, Any], evaluation_split: str | None) -> str | None:
    """A sentence when the training list of a checkpoint's options holds test frames; None where nothing is known.

    Args:
        training_options: `CheckpointMeta.config`; empty for checkpoints of others.
        evaluation_split: name of the evaluated list.
    """
    trained_on = training_options.get("split") or _DEFAULT_SPLIT.get(training_options.get("dataset", ""))
    if trained_on is None or evaluation_split is None or not {trained_on, evaluation_split} <= set(SPLITS):
        return None
    if "train" not in SPLITS[trained_on].parts or "test" not in SPLITS[evaluation_split].parts:
        return None
    return leakage(trained_on, evaluation_split)
