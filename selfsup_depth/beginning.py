"""What a training begins with: its options, its footage, and what is told of them on the way."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress

from selfsup_depth import cli
from selfsup_depth.assembly import builtin_data, footage_options, refuse_ignored_options, with_builtin
from selfsup_depth.config import TrainConfig
from selfsup_depth.datasets import ViewDataset, hold_images
from selfsup_depth.datasets.builtin import BUILTIN
from selfsup_depth.preflight import Finding
from selfsup_depth.preparation.tasks import prepared_video


def read_config(argv: Sequence[str] | None) -> TrainConfig:
    """All that a training needs; built-in footage is rendered."""
    return with_data(read_options(argv))


def read_options(argv: Sequence[str] | None) -> TrainConfig:
    """Options as given; without --data_path, beneath them the recipe of built-in footage."""
    config = cli.parse(TrainConfig, argv)
    refuse_ignored_options(config)
    name = builtin_data(config.data)
    if name is None:
        return config
    config = cli.parse(TrainConfig, argv, recipe=cli.RECIPES / f"{BUILTIN[name].recipe}.yaml")
    return replace(config, data=replace(config.data, dataset=name))


def with_data(config: TrainConfig) -> TrainConfig:
    """The same with a folder of data: without --data_path built-in footage, of a video its frames, made if need be."""
    data = with_builtin(config.data)
    if data.dataset == "video":
        workers = min(data.num_workers, os.cpu_count() or 1)
        folder = prepared_video(data, footage_options(config), workers, Console(soft_wrap=True))
        data = replace(data, data_path=folder)
    return replace(config, data=data)


def tell_index(console: Console, part: str, dataset: ViewDataset) -> None:
    report = dataset.report
    console.print(f"{part}: {report.kept} of {report.listed} listed samples", highlight=False)
    for reason, count in report.left_out.items():
        names = ", ".join(report.examples.get(reason, ()))
        console.print(f"  left out {count}: {reason} ({names})", highlight=False, markup=False)


def tell_findings(console: Console, findings: Sequence[Finding]) -> None:
    """What looks wrong with the data; the training goes on all the same."""
    for finding in findings:
        advice = f"; likely cause: {finding.cause}; what to do: {finding.remedy}"
        console.print(f"[yellow]warning[/yellow] {escape(finding.line + advice)}", highlight=False)
    if findings:
        console.print("check_data.py with the same options of the data looks at more of it", highlight=False)


def hold_in_memory(training: ViewDataset, workers: int, console: Console) -> None:
    """Reads all training images once, with a progress bar."""
    with Progress("reading all images once", BarColumn(), MofNCompleteColumn(), console=console) as progress:
        task = progress.add_task("")
        held = hold_images(training, workers, lambda done, total: progress.update(task, completed=done, total=total))
    console.print(f"{len(held.rows)} images are held in memory, {held.pixels.size / 1e6:.0f} MB", highlight=False)
