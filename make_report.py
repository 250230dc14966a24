"""One page about a finished run: curves, scores, pictures, a cloud to turn; or two runs side by side.

python make_report.py --run runs/mdp
python make_report.py --run runs/mdp --against runs/other
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    import torch
    from rich.console import Console

    from selfsup_depth.assembly import build_validation_set
    from selfsup_depth.beginning import with_data
    from selfsup_depth.config import TrainConfig
    from selfsup_depth.evaluation.protocols import protocol_of_validation
    from selfsup_depth.evaluation.validation import ValidationSet
    from selfsup_depth.outcome import FinishedRun, Opponent, write_run_report


@dataclass(frozen=True)
class ReportConfig:
    """Write the report of a finished run anew, from its best checkpoint and its validation data."""

    run: Path
    """Folder of the run, for example runs/mdp."""
    against: Path | None = None
    """Folder of a second run that was validated on the same images: both side by side, with a paired test."""
    output: Path | None = None
    """The page. Default: report.html in the folder of the run, or report_against_NAME.html."""
    frames: tuple[str, ...] = ()
    """Validation images to show in space, by their names in the report. Default: the best and the worst."""
    data_path: Path | None = None
    """Where the data of the run lies now, if it was moved."""
    num_workers: int = 12
    """Processes that load images (never more than there are cores)."""
    no_cuda: bool = False
    """Predict on the CPU even where there is a GPU."""


def main(argv: Sequence[str] | None = None) -> int:
    options = cli.parse(ReportConfig, argv)
    run = FinishedRun.read(options.run)
    against = opponent(FinishedRun.read(options.against), options.data_path) if options.against else None
    config = with_data(moved(run.config, options.data_path))
    dataset = build_validation_set(config)
    workers = min(options.num_workers, os.cpu_count() or 1)
    held_out = ValidationSet(dataset, config.optimizer.batch_size, workers)
    protocol = protocol_of_validation(dataset)
    device = torch.device("cuda" if torch.cuda.is_available() and not options.no_cuda else "cpu")
    write_run_report(
        run, held_out, protocol, device, Console(soft_wrap=True),
        output=options.output, against=against, frames=options.frames,
    )  # fmt: skip
    return 0


def opponent(run: FinishedRun, data_path: Path | None) -> Opponent:
    return Opponent(run, lambda: build_validation_set(with_data(moved(run.config, data_path))))


def moved(config: TrainConfig, data_path: Path | None) -> TrainConfig:
    """The options with another data folder; lists that lie in the old one move along."""
    if data_path is None:
        return config
    split, old = config.data.split, config.data.data_path
    if split is not None and old is not None and Path(split).is_relative_to(old):
        split = str(data_path / Path(split).relative_to(old))
    return replace(config, data=replace(config.data, data_path=data_path, split=split))


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
