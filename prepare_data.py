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
        with_builtin,
    )
    from selfsup_depth.beginning import tell_index
    from selfsup_depth.config import NetworkConfig, TrainConfig
    from selfsup_depth.datasets.builtin import BUILTIN
    from selfsup_depth.datasets.training_size import fitting_in_words, is_squeezed, squeeze_in_words
    from selfsup_depth.errors import UserError
    from selfsup_depth.preparation.config import OutputConfig, PrepareConfig
    from selfsup_depth.preparation.run import Task, prepare
    from selfsup_depth.preparation.summary import next_command, summary
    from selfsup_depth.preparation.tasks import as_tar_shards, dataset_task, video_task
    from selfsup_depth.preparation.undistorted_source import through_pinholes


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(PrepareConfig, argv)
    console = Console(soft_wrap=True)
    folder = config.output.output_directory.expanduser()
    workers = max(1, min(config.data.num_workers, os.cpu_count() or 1))
    network = NetworkConfig(learn_intrinsics=config.learn_intrinsics)
    asked = TrainConfig(data=with_builtin(config.data), footage=config.footage, network=network)
    if asked.data.dataset == "video":
        refuse_ignored_options(asked)
        task = video_task(asked.data, footage_options(asked), workers)
    else:
        task = task_of_images(asked, config.output, workers, console)
    tell_squeeze(console, task.footage.recorded_size, (asked.data.width, asked.data.height))
    if config.output.shards:
        task = as_tar_shards(task, config.output.shard_quality)
    made = prepare(task, folder, console)
    if not made:
        told = f"{folder} is prepared already, with the same options from the same footage"
        console.print(told, highlight=False, markup=False)
    for line in summary(folder):
        console.print(line, highlight=False, markup=False)
    learning = " --learn_intrinsics" if config.learn_intrinsics else ""
    builtin = builtin_data(config.data)
    recipe = f" --config {BUILTIN[builtin].recipe}" if builtin else ""
    command = next_command(folder, config.data.frame_ids) + learning + recipe
    console.print(f"train on it: {command}", highlight=False, markup=False)
    return 0


def tell_squeeze(console: Console, recorded: tuple[int, int], training: tuple[int, int]) -> None:
    """Before the work, which would have to be done again. Both sizes are (width, height)."""
    if is_squeezed(recorded, training):
        told = f"{squeeze_in_words(recorded, training)}; {fitting_in_words(recorded, training)}"
        console.print(f"[yellow]warning[/yellow] {told}", highlight=False)


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
