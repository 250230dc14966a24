"""Score depth against ground truth: a checkpoint, or predictions from a file.

python evaluate_depth.py --load_weights_folder runs/mdp/models/best --eval_mono --data_path /data/kitti_raw
python evaluate_depth.py --load_weights_folder runs/mdp/models/best --eval_stereo     # the built-in drive
python evaluate_depth.py --load_weights_folder FOLDER --eval_mono --dataset va --data_path VA --extra_metrics edges
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from pathlib import Path

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.arithmetic import PrecisionName
    from selfsup_depth.evaluation.config import EvaluateConfig
    from selfsup_depth.evaluation.run_evaluation import run_evaluation
    from selfsup_depth.predictor import DepthPredictor


def main(argv: Sequence[str] | None = None) -> int:
    run_evaluation(cli.parse(EvaluateConfig, argv), load_model, Console())
    return 0


def load_model(folder: Path, device: str | None, precision: PrecisionName) -> DepthPredictor:
    return DepthPredictor.load(folder, device, precision=precision)


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
