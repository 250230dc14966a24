"""What the end of a training prints and writes, and how it is written anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.reporting import print_result
from selfsup_depth.evaluation.validation import ValidationSet
from selfsup_depth.outcome.comparing import compare
from selfsup_depth.outcome.contender import Contender
from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.outcome.gathering import gather
from selfsup_depth.outcome.judging import device_name, judge, write_scores
from selfsup_depth.outcome.looks import Looks, spread
from selfsup_depth.outcome.unlabelled import compare_without_truth
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.page import write_report
from selfsup_depth.report.pictures import Example, save_examples

EXAMPLES = 4  # rows of the picture


@dataclass(frozen=True)
class Opponent:
    """A run to compare with, and its validation images, which are opened where there is no ground truth."""

    run: FinishedRun
    dataset: Callable[[], ViewDataset]


def show_result(
    run_folder: Path, held_out: ValidationSet, protocol: Protocol | None, device: torch.device, console: Console
) -> None:
    """Print the table of the best checkpoint; write `validation.json`, `examples.png` and `report.html`.

    Raises UserError when no checkpoint was the best, because no score was a number.
    """
    run = FinishedRun.read(run_folder)
    looks, summary = _judged(run, held_out, protocol, device, console, trained_on=device_name(device))
    picture, page = run_folder / "examples.png", run_folder / "report.html"
    units = looks.unit, looks.truth_unit
    save_examples(picture, _examples(looks), units, protocol.max_depth if protocol else None)
    write_report(gather(run, looks, summary), page)
    told = f"best checkpoint: {run.best}\npicture: {picture}\nreport: {page}"
    console.print(told, highlight=False, markup=False)


def write_run_report(
    run: FinishedRun,
    held_out: ValidationSet,
    protocol: Protocol | None,
    device: torch.device,
    console: Console,
    *,
    output: Path | None = None,
    against: Opponent | None = None,
    frames: Sequence[str] = (),
) -> Path:
    """Score the best checkpoint again and write its page; with `against`, beside another run.

    Args:
        output: None: report.html in the folder of the run, or report_against_OTHER.html.

    Raises:
        UserError: when the two cannot be compared, or `frames` are no validation images.
    """
    looks, summary = _judged(run, held_out, protocol, device, console, trained_on=run.trained_on)
    comparison = None
    if against is not None:
        predictor = DepthPredictor.load(against.run.best, device)
        contender = Contender(run, summary, looks.predictor)
        if protocol is None:
            other = Contender(against.run, {}, predictor)
            comparison = compare_without_truth(contender, other, held_out.dataset, against.dataset())
        else:
            other = Contender(against.run, against.run.scores(), predictor)
            comparison = compare(contender, other, held_out.dataset, protocol)
    name = "report.html" if against is None else f"report_against_{against.run.name}.html"
    page = output or run.folder / name
    write_report(gather(run, looks, summary, frames=frames, comparison=comparison), page)
    console.print(f"report: {page}", highlight=False, markup=False)
    return page


def _judged(
    run: FinishedRun,
    held_out: ValidationSet,
    protocol: Protocol | None,
    device: torch.device,
    console: Console,
    *,
    trained_on: str | None,
) -> tuple[Looks, Mapping[str, Any]]:
    predictor = DepthPredictor.load(run.best, device)
    summary: Mapping[str, Any] = {}
    if protocol is not None:
        result, baseline, summary = judge(run, predictor, held_out, protocol)
        print_result(result, baseline, console, extras=False)
        write_scores(run, {**summary, "trained_on": trained_on})
    return Looks(predictor, held_out.dataset, protocol, summary), summary


def _examples(looks: Looks) -> list[Example]:
    """A few items spread over a data set, predicted, in the scale in which they are scored."""
    shown = [(name, looks.see(name)) for name in spread(list(looks.index), EXAMPLES)]
    return [Example(name, seen.image, seen.depth, seen.truth) for name, seen in shown]
