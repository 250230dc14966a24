"""Train depth from video, stereo, or both.

python train.py --frame_ids 0 -1 1 --use_stereo              # the built-in drive, no data needed
python train.py --frame_ids 0 -1 1 --use_stereo --data_path /data/kitti_raw
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial

import torch
from rich.console import Console

from selfsup_depth import cli
from selfsup_depth.assembly import (
    build,
    build_teaching,
    build_training_set,
    build_validation_set,
    describe,
    refuse_ignored_options,
)
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.config import TrainConfig
from selfsup_depth.datasets import COMES_WITH_ITS_DATA, RawBatch, ViewDataset, augment, collate
from selfsup_depth.datasets.builtin import BUILTIN
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.protocols import Protocol, protocol_of_dataset
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth, validate_losses
from selfsup_depth.outcome import show_result
from selfsup_depth.report.pictures import training_pictures
from selfsup_depth.structures import Batch, Method
from selfsup_depth.teaching import Teaching
from trainer.hooks import Hooks, Tick, TrainingData, Validation
from trainer.loop import Trainer, choose_device
from trainer.run_folder import last_checkpoint, prepare_run_folder, run_folder
from trainer.state import Position


def main(argv: Sequence[str] | None = None) -> int:
    console = Console(soft_wrap=True)
    config = read_config(argv)
    training = build_training_set(config)
    tell_index(console, "training", training)
    validation = build_validation_set(config)
    tell_index(console, "validation", validation)
    folder, device = run_folder(config.run), choose_device(config.run)
    workers = min(config.data.num_workers, os.cpu_count() or 1)
    teaching = build_teaching(config, training, device, workers, partial(console.print, highlight=False))
    torch.manual_seed(config.run.seed)  # after the teacher: a student starts the same with any teacher and with none
    resuming = config.run.resume and last_checkpoint(folder) is not None
    method, scale_source = build(config, training, teaching, resuming=resuming)
    prepare_run_folder(folder, cli.as_flat_dict(config), config.run.resume, console)

    held_out = ValidationSet(validation, config.optimizer.batch_size, workers)
    protocol = protocol_of_dataset(config.data.dataset) if validation.has_depth else None
    hooks = Hooks(
        describe=describe_at(describe(config, method, scale_source)),
        validate=judge(held_out, protocol, device),
        picture=training_pictures,
        options=cli.as_flat_dict(config) | fingerprints(training, teaching),
    )
    data = training_data(training, teaching, device, workers)
    Trainer(method, data, hooks, config.optimizer, config.run, device).fit()
    show_result(folder, held_out, protocol, device, console)
    return 0


def read_config(argv: Sequence[str] | None) -> TrainConfig:
    """Options as given; without --data_path built-in footage and, beneath the options, its recipe."""
    config = cli.parse(TrainConfig, argv)
    refuse_ignored_options(config)
    if config.data.data_path is not None or config.data.dataset in COMES_WITH_ITS_DATA:
        return config
    builtin = BUILTIN.get("builtin" if config.data.dataset == "kitti" else config.data.dataset)
    if builtin is None or config.data.split:
        raise UserError("--dataset and --split are about data on disk: give its folder as --data_path")
    config = cli.parse(TrainConfig, argv, recipe=cli.RECIPES / f"{builtin.recipe}.yaml")
    name = "builtin" if config.data.dataset == "kitti" else config.data.dataset
    root = builtin.ensure()
    return replace(config, data=replace(config.data, data_path=root, dataset=name, split=str(root / "splits")))


def training_data(
    training: ViewDataset, teaching: Teaching | None, device: torch.device, workers: int
) -> TrainingData:
    """Batches as the loop gets them: on the device, augmented, with teacher maps where there is a teacher."""

    def prepare(raw: RawBatch) -> Batch:
        batch = augment(raw.to(device, non_blocking=True))
        return teaching.complete(batch) if teaching else batch

    return TrainingData(teaching.samples(training) if teaching else training, collate, prepare, workers)


def tell_index(console: Console, part: str, dataset: ViewDataset) -> None:
    report = dataset.report
    console.print(f"{part}: {report.kept} of {report.listed} listed samples", highlight=False)
    for reason, count in report.left_out.items():
        names = ", ".join(report.examples.get(reason, ()))
        console.print(f"  left out {count}: {reason} ({names})", highlight=False)


def fingerprints(dataset: ViewDataset, teaching: Teaching | None) -> dict[str, str]:
    """Which samples and which teacher there are: a run cannot be resumed to the same numbers with others."""
    names = "\n".join(dataset.name(index) for index in range(len(dataset)))
    samples = f"{len(dataset)} samples, {hashlib.sha256(names.encode()).hexdigest()[:12]}"
    return {"samples": samples} | ({"teacher": teaching.info.identity} if teaching else {})


def describe_at(training: CheckpointMeta) -> Callable[[Position, Validation | None], CheckpointMeta]:
    """How the trainer describes a checkpoint: the training, where it stands and what it has reached."""

    def describe_now(position: Position, result: Validation | None) -> CheckpointMeta:
        score, protocol = (result.values, result.protocol) if result else (None, None)
        return replace(training, step=position.step, epoch=position.epoch, score=score, protocol=protocol)

    return describe_now


def judge(
    held_out: ValidationSet, protocol: Protocol | None, device: torch.device
) -> Callable[[Method, Tick], Validation]:
    """How the trainer scores a method on the whole validation set."""

    def validate(method: Method, tick: Tick) -> Validation:
        if protocol is None:
            losses = validate_losses(method, held_out, device, tick)
            total = sum(losses.values())
            return Validation(total, "training loss on the validation set", {"loss": total, **losses})
        result, _ = validate_depth(method, held_out, protocol, device, tick)
        values = {name: value for name, value in asdict(result.headline).items()}
        name = f"{protocol.name}, {result.mode.headline}, {len(result.rows)} images"
        return Validation(result.headline.abs_rel, name, {**values, "aligned_abs_rel": result.aligned.abs_rel})

    return validate


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
