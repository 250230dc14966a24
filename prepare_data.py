"""Decode, undistort, rectify and resize footage once; training then only reads it.

python prepare_data.py --dataset video --data_path walk.mp4 --fov 65 --output_directory walk_prepared
python prepare_data.py --dataset folder --data_path my_rig --use_stereo --output_directory my_rig_prepared
python prepare_data.py --dataset folder --data_path my_rig --use_stereo --output_directory my_rig_shards --shards
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from dataclasses import replace

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.assembly import (
        build_training_set,
        build_validation_set,
        builtin_data,
        footage_options,
        refuse_ignored_options,
    )
    from selfsup_depth.config import DataConfig, TrainConfig
    from selfsup_depth.datasets.builtin import BUILTIN
    from selfsup_depth.errors import UserError
    from selfsup_depth.preparation.config import OutputConfig, PrepareConfig
    from selfsup_depth.preparation.run import Task, prepare
    from selfsup_depth.preparation.summary import next_command, summary
    from selfsup_depth.preparation.tasks import as_tar_shards, dataset_task, video_task
    from selfsup_depth.preparation.undistorted_source import through_pinholes
    from train import tell_index


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(PrepareConfig, argv)
    console = Console(soft_wrap=True)
    folder = config.output.output_directory.expanduser()
    workers = max(1, min(config.data.num_workers, os.cpu_count() or 1))
    asked = TrainConfig(data=with_builtin(config.data), footage=config.footage)
    if asked.data.dataset == "video":
        task = video_task(asked.data, footage_options(asked), workers)
    else:
        task = task_of_images(asked, config.output, workers, console)
    if config.output.shards:
        task = as_tar_shards(task, config.output.shard_quality)
    made = prepare(task, folder, console)
    if not made:
        console.print(f"{folder} is prepared already, with the same options from the same footage", highlight=False)
    for line in summary(folder):
        console.print(line, highlight=False)
    console.print(f"train on it: {next_command(folder, config.data.frame_ids)}", highlight=False)
    return 0


def with_builtin(data: DataConfig) -> DataConfig:
    """The same with a folder; without --data_path that of built-in footage, rendered if need be."""
    name = builtin_data(data)
    if name is None:
        return data
    root = BUILTIN[name].ensure()
    return replace(data, data_path=root, dataset=name, split=str(root / "splits"))


def task_of_images(asked: TrainConfig, output: OutputConfig, workers: int, console: Console) -> Task:
    """What training on this data would look at, through cameras without distortion."""
    if asked.data.dataset in ("prepared", "shards"):
        raise UserError(
            f"--data_path {asked.data.data_path} is prepared already: give the originals, and the --dataset that they "
            "are."
        )
    readers = replace(asked, footage=replace(asked.footage, min_motion=0.0))  # motion is measured here, not there
    refuse_ignored_options(readers)
    parts = build_training_set(readers, through_pinholes), build_validation_set(readers, through_pinholes)
    for part, dataset in zip(("training", "validation"), parts, strict=True):
        tell_index(console, part, dataset)
    return dataset_task(asked.data, footage_options(asked), parts, output.keep_depth, workers)


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
