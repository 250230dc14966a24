"""`run_evaluation` on the small KITTI tree of `data` (conftest.py), without a command line."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from selfsup_depth.evaluation.accumulator import EvaluationResult
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.run_evaluation import run_evaluation
from tests.evaluation.kitti_files import RedModel

DRIVE = "2011_09_26/2011_09_26_drive_0002_sync"
LINES = [f"{DRIVE} {frame} l" for frame in (5, 3, 9, 12, 0)]


def run(model: RedModel | None = None, **options: object) -> tuple[EvaluationResult | None, str]:
    """The result and what was printed."""
    options = {"num_workers": 0, **options}
    if model is not None:
        options.setdefault("load_weights_folder", Path("weights"))
        options.setdefault("eval_out_dir", Path("out"))
    console = Console(file=io.StringIO(), width=80)
    result = run_evaluation(EvaluateConfig(**options), lambda folder, device, precision: model, console)  # type: ignore[arg-type]
    return result, console.file.getvalue()  # type: ignore[attr-defined]


def small(**options: object) -> dict[str, object]:
    """The options that score `data` as Eigen's frames are scored."""
    return {"data_path": Path("kitti"), "eval_split": "lists", "protocol": "eigen", **options}
