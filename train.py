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
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    import torch
    from rich.console import Console

    from selfsup_depth.arithmetic import autocast_type
    from selfsup_depth.assembly import (
        build,
        build_teaching,
        build_training_set,
        build_validation_set,
        describe,
        shared_camera,
    )
    from selfsup_depth.beginning import hold_in_memory, read_options, tell_findings, tell_index, with_data
    from selfsup_depth.checkpoints import CheckpointMeta, find_checkpoint, load_checkpoint
    from selfsup_depth.compiling import require_compiler
    from selfsup_depth.config import RunConfig, TrainConfig
    from selfsup_depth.datasets import BatchMemory, RawBatch, ShelvedBatch, ViewDataset, augment, collate
    from selfsup_depth.errors import UserError
    from selfsup_depth.evaluation.protocols import Protocol, protocol_of_validation
    from selfsup_depth.evaluation.validation import ValidationSet, validate_depth, validate_losses
    from selfsup_depth.methods import find_method
    from selfsup_depth.methods.structure_distillation import hardly_heard
    from selfsup_depth.outcome import show_result
    from selfsup_depth.preflight import quick_check
    from selfsup_depth.report.pictures import training_pictures
    from selfsup_depth.structures import Batch, Method
    from selfsup_depth.teaching import Teaching
    from trainer.ending import launched
    from trainer.hooks import Hooks, Tick, TrainingData, Validation
    from trainer.logs import findings_of
    from trainer.loop import Trainer, choose_device
    from trainer.processes import Processes
    from trainer.run_folder import last_checkpoint, prepare_run_folder, refuse_misspelt_resume, run_folder
    from trainer.run_lock import only_run_of_its_name
    from trainer.sampler import share
    from trainer.state import Position
    from trainer.threads import cores_of_process, share_threads


#: A learnt focal length this near to its start has not been learnt.
HARDLY_MOVED = 0.02


def main(argv: Sequence[str] | None = None) -> int:
    """Of several processes all read and train; the main one has the run's name and folder, and prints."""
    with launched() as processes:
        console = Console(soft_wrap=True, quiet=not processes.is_main)
        with processes.in_turn():  # what is wrong with the options is said once
            asked = read_options(argv)
            refuse_to_start_again(asked.run)
        with only_run_of_its_name(asked.run, console) if processes.is_main else nullcontext():
            with processes.in_turn():
                if processes.is_main:  # other machines need not see the folders of runs
                    refuse_misspelt_resume(asked.run)
                device = choose_device(asked.run, processes)
                refuse_what_is_not_there(asked, device)
                config = with_data(asked)
            return train(asked, config, device, console, processes)


def train(asked: TrainConfig, config: TrainConfig, device: torch.device, console: Console, processes: Processes) -> int:
    """Trains with `config`; what is kept of the run is what was asked for: caches of its data may be deleted."""
    folder = run_folder(config.run)
    processes.connect(device)
    if advice := share_threads(processes, device):
        console.print(advice, highlight=False)
    if config.speed.needs_compiler:
        console.print("compiling: the first step takes one to two minutes, later ones are faster", highlight=False)
    training = build_training_set(config)
    tell_index(console, "training", training)
    validation = build_validation_set(config)
    tell_index(console, "validation", validation)
    if processes.is_main and not config.run.skip_checks:
        tell_findings(console, quick_check(training, (config.network.min_depth, config.network.max_depth)))
    workers = min(config.data.num_workers, cores_of_process(processes))
    if config.loading.in_memory:
        hold_in_memory(training, workers, console)
    resuming = processes.from_main(lambda: config.run.resume and last_checkpoint(folder) is not None)
    with processes.in_turn():
        teaching = build_teaching(config, training, device, workers, partial(console.print, highlight=False))
        # after the teacher: a student starts the same with any teacher and with none
        torch.manual_seed(config.run.seed)
        method, scale_source = build(config, training, teaching, resuming=resuming)
    if processes.is_main:
        prepare_run_folder(folder, cli.as_flat_dict(asked), config.run.resume, console)

    protocol = protocol_of_validation(validation)
    hooks = Hooks(
        describe=describe_at(describe(asked, method, scale_source), method, training),
        validate=judge(validation, protocol, config.optimizer.batch_size, workers, device, processes),
        picture=training_pictures,
        options=cli.as_flat_dict(asked) | fingerprints(training, teaching),
    )
    data = training_data(training, teaching, device, workers, config.optimizer.batch_size)
    trainer = Trainer(method, data, hooks, config.optimizer, config.run, device, processes)
    if warning := hardly_heard(config.distill, trainer.steps_per_epoch * config.optimizer.num_epochs):
        console.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
    trainer.fit()
    if not processes.is_main:
        return 0
    show_result(folder, ValidationSet(validation, config.optimizer.batch_size, workers), protocol, device, console)
    if config.network.learn_intrinsics:
        console.print(learnt_camera(folder, training), highlight=False)
    if findings := findings_of(folder):
        console.print(f"[yellow]warning[/yellow] while training: {'; '.join(findings)}", highlight=False)
    return 0


def refuse_to_start_again(run: RunConfig) -> None:
    """Raises UserError where torchrun may start the processes again after a failure, but would start the run anew."""
    if int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0 and not run.resume:
        raise UserError(
            "torchrun --max_restarts starts the same command again after a failure: add --resume, so that it goes on "
            "from the last checkpoint (where there is none yet, --resume starts from the beginning)"
        )


def refuse_what_is_not_there(config: TrainConfig, device: torch.device) -> None:
    """Raises UserError for what would be missed only after the data set was rendered and indexed."""
    run, network = config.run, config.network
    find_method(run.method)
    autocast_type(config.optimizer.precision, device)
    if config.distill.distill is not None:
        autocast_type(config.distill.teacher_precision, device, "--teacher_precision")
    if config.speed.needs_compiler:
        require_compiler(device)
    if run.resume and last_checkpoint(run_folder(run)) is not None:
        return  # which holds all weights
    for option in ("weights_init", "pose_weights_init"):
        path = getattr(network, option)
        if path not in (None, "pretrained", "scratch") and not Path(path).is_file():
            raise UserError(
                f"--{option} {path}: there is no such file; give a .pth or .safetensors file, 'pretrained' or 'scratch'"
            )
    start = run.load_weights_folder
    if start is not None and not start.exists() and find_checkpoint(start) is None:
        raise UserError(f"--load_weights_folder {start}: there is no such folder; give the folder of a checkpoint")


def training_data(
    training: ViewDataset, teaching: Teaching | None, device: torch.device, workers: int, batch_size: int
) -> TrainingData:
    """Batches as the loop gets them: on the device, augmented, with teacher maps where there is a teacher."""

    def prepare(raw: RawBatch | ShelvedBatch) -> Batch:
        batch = augment(raw.to(device, non_blocking=True))
        return teaching.complete(batch) if teaching else batch

    request, samples = training.request, teaching.samples(training) if teaching else training
    memory = BatchMemory(workers, batch_size, len(request.frame_ids), (request.height, request.width))
    return TrainingData(samples, memory if workers else collate, prepare, workers)


def fingerprints(dataset: ViewDataset, teaching: Teaching | None) -> dict[str, str]:
    """Which samples and which teacher there are: a run cannot be resumed to the same numbers with others."""
    names = "\n".join(dataset.name(index) for index in range(len(dataset)))
    samples = f"{len(dataset)} samples, {hashlib.sha256(names.encode()).hexdigest()[:12]}"
    return {"samples": samples} | ({"teacher": teaching.info.identity} if teaching else {})


def describe_at(
    training: CheckpointMeta, method: Method, dataset: ViewDataset
) -> Callable[[Position, Validation | None], CheckpointMeta]:
    """How the trainer describes a checkpoint: the training, where it stands and what it has reached."""
    shared = shared_camera(dataset)

    def describe_now(position: Position, result: Validation | None) -> CheckpointMeta:
        score, protocol = (result.values, result.protocol) if result else (None, None)
        intrinsics = None
        if shared is not None:
            camera = method.camera(shared)
            intrinsics = (*camera.diagonal()[:2].tolist(), *camera[:2, 2].tolist())
        return replace(
            training, step=position.step, epoch=position.epoch, score=score, protocol=protocol, intrinsics=intrinsics
        )

    return describe_now


def learnt_camera(folder: Path, training: ViewDataset) -> str:
    """What --learn_intrinsics found, in words."""
    best, start = find_checkpoint(folder / "models" / "best"), shared_camera(training)
    meta = load_checkpoint(best).meta if best else None
    if meta is None or meta.intrinsics is None or start is None:
        return "the focal length that was learnt belongs to several cameras; nothing sums it up"
    focal, began = meta.intrinsics[0] / meta.width, float(start[0, 0]) / meta.width
    degrees = 2 * math.degrees(math.atan(0.5 / focal))
    told = f"learnt focal length: {focal:.3f} image widths (horizontal field of view {degrees:.1f} degrees)"
    if abs(focal / began - 1) < HARDLY_MOVED:
        told += (
            f"; that is where it started ({began:.3f}): too few steps, or a camera that hardly turns, tell nothing "
            "about it, so do not trust it"
        )
    return told


def judge(
    validation: ViewDataset,
    protocol: Protocol | None,
    batch_size: int,
    workers: int,
    device: torch.device,
    processes: Processes,
) -> Callable[[Method, Tick], Validation]:
    """How the trainer scores a method on the whole validation set, of which each process takes a part."""
    part = share(len(validation), processes.rank, processes.count)
    held_out = ValidationSet(validation, max(1, batch_size // processes.count), workers, part=part)

    def validate(method: Method, tick: Tick) -> Validation:
        if protocol is None:
            losses = validate_losses(method, held_out, device, tick, gather=processes.gather)
            total = sum(losses.values())
            values = {"loss": total, **losses}
            return Validation(total, "training loss on the validation set", values, told=("loss",))
        result, _ = validate_depth(method, held_out, protocol, device, tick, gather=processes.gather)
        values = {name: value for name, value in asdict(result.headline).items()}
        name = f"{protocol.name}, {result.mode.headline}, {len(result.rows)} images"
        return Validation(result.headline.abs_rel, name, {**values, "aligned_abs_rel": result.aligned.abs_rel})

    return validate


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
