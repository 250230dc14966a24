"""The scores of a run's best checkpoint, with everything that a report says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.accumulator import EvaluationResult
from selfsup_depth.evaluation.baselines import ConstantBaseline, constant_baseline
from selfsup_depth.evaluation.extras import ExtraSettings
from selfsup_depth.evaluation.intervals import CONFIDENCE, bootstrap_intervals
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.reporting import rows_of, summarise
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth
from selfsup_depth.outcome.finished_run import SCORES, FinishedRun
from selfsup_depth.predictor import DepthPredictor

COLUMNS = ("aligned", "unaligned", "extras")
EXTRAS = ExtraSettings(("edges", "distances"))


def judge(
    run: FinishedRun, predictor: DepthPredictor, held_out: ValidationSet, protocol: Protocol
) -> tuple[EvaluationResult, ConstantBaseline, dict[str, Any]]:
    """Score the best checkpoint on the whole validation set. The summary is what `validation.json` holds."""
    device = predictor.device
    result, kept = validate_depth(
        predictor.method, held_out, protocol, device, keep_ground_truth=True, extras=EXTRAS
    )
    baseline = constant_baseline(kept.valid_depths, protocol)
    rows = rows_of(result)
    facts = {
        "checkpoint": str(run.best),
        "device": device_name(device),
        "rows": rows,
        "intervals": {"confidence": CONFIDENCE, **_intervals(rows)},
    }
    return result, baseline, summarise(result, baseline, facts)


def device_name(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} (cuda)"
    return f"{device.type}, {torch.get_num_threads()} threads"


def _intervals(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Column (aligned, unaligned, extras) -> score -> the ends of its mean's confidence interval."""
    places = [(column, name) for column in COLUMNS for name in _names(rows, column)]
    found: dict[str, dict[str, list[float]]] = {column: {} for column in COLUMNS}
    values = np.zeros((len(rows), len(places)))
    present = np.zeros(values.shape, dtype=bool)
    for i, row in enumerate(rows):
        for j, (column, name) in enumerate(places):
            if row[column] is not None and name in row[column]:
                values[i, j], present[i, j] = row[column][name], True
    for (column, name), ends in zip(places, bootstrap_intervals(values, present).tolist(), strict=True):
        found[column][name] = ends
    return found


def _names(rows: list[dict[str, Any]], column: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row[column] or ()))


def write_scores(run: FinishedRun, summary: dict[str, Any]) -> Path:
    """`validation.json` in the folder of the run, a line per image.

    Raises:
        UserError: when it cannot be written.
    """
    path = run.folder / SCORES
    rest = json.dumps({name: value for name, value in summary.items() if name != "rows"}, indent=2, default=str)
    rows = ",\n    ".join(json.dumps(row) for row in summary["rows"])
    try:
        path.write_text(f'{rest[:-2]},\n  "rows": [\n    {rows}\n  ]\n}}\n')
    except OSError as error:
        remedy = f"free some space, then python make_report.py --run {run.folder}"
        raise UserError(f"{path} cannot be written ({error.strerror}): {remedy}.") from error
    return path
