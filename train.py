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
from pathlib import Path

import torch
from rich.console import Console

from selfsup_depth import __version__, cli
from selfsup_depth.checkpoints import CheckpointMeta, find_checkpoint, load_checkpoint, load_into
from selfsup_depth.config import RunConfig, TrainConfig
from selfsup_depth.datasets import (
    COMES_WITH_ITS_DATA,
    DatasetRequest,
    ReaderOptions,
    ViewDataset,
    augment,
    build_dataset,
    collate,
)
from selfsup_depth.datasets.builtin import ensure_builtin_drive
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.baselines import constant_baseline
from selfsup_depth.evaluation.protocols import Protocol, protocol_of_dataset
from selfsup_depth.evaluation.reporting import print_result, summarise, write_summary
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth, validate_losses
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.pictures import Example, save_examples, training_pictures
from selfsup_depth.structures import STEREO, FrameId, Method
from trainer.loop import Hooks, Tick, Trainer, TrainingData, Validation, choose_device
from trainer.run_folder import prepare_run_folder
from trainer.state import Position

BUILTIN_RECIPE = Path(cli.__file__).parent / "configs" / "builtin_drive.yaml"
#: With stereo a network unit is ten baselines: the published code calls its baseline 0.1.
NOMINAL_BASELINE = 0.1
EXAMPLES = 4  # rows of the picture at the end


def main(argv: Sequence[str] | None = None) -> int:
    console = Console(soft_wrap=True)
    config = read_config(argv)
    torch.manual_seed(config.run.seed)
    training, validation = build_datasets(config, console)
    method, scale_source = build(config, training)
    run_folder = config.run.log_dir / config.run.model_name
    prepare_run_folder(run_folder, cli.as_flat_dict(config), config.run.resume, console)

    workers = min(config.data.num_workers, os.cpu_count() or 1)
    device = choose_device(config.run)
    held_out = ValidationSet(validation, config.optimizer.batch_size, workers)
    protocol = protocol_of_dataset(config.data.dataset) if validation.has_depth else None
    hooks = Hooks(
        describe=lambda position, result: describe(config, method, scale_source, position, result),
        validate=judge(held_out, protocol, device),
        picture=training_pictures,
        options=cli.as_flat_dict(config) | {"samples": fingerprint(training)},
    )
    data = TrainingData(training, collate, lambda raw: augment(raw.to(device, non_blocking=True)), workers)
    Trainer(method, data, hooks, config.optimizer, config.run, device).fit()
    show_result(run_folder, held_out, protocol, device, console)
    return 0


def read_config(argv: Sequence[str] | None) -> TrainConfig:
    """Options as given; without --data_path the built-in drive and, beneath the options, its recipe."""
    config = cli.parse(TrainConfig, argv)
    if config.data.data_path is not None or config.data.dataset in COMES_WITH_ITS_DATA:
        return config
    if config.data.dataset != "kitti" or config.data.split:
        raise UserError("--dataset and --split are about data on disk: give its folder as --data_path")
    config = cli.parse(TrainConfig, argv, recipe=BUILTIN_RECIPE)
    root = ensure_builtin_drive()
    data = replace(config.data, data_path=root, dataset="builtin", split=str(root / "splits"))
    return replace(config, data=data)


# ------------------------------------------------------------------ building the parts


def build_datasets(config: TrainConfig, console: Console) -> tuple[ViewDataset, ViewDataset]:
    """The training set, and the validation set: only items with depth where there are any."""
    data = config.data
    stereo: tuple[FrameId, ...] = (STEREO,) if data.use_stereo else ()
    request = DatasetRequest(
        height=data.height,
        width=data.width,
        frame_ids=(*data.frame_ids, *stereo),
        data_path=str(data.data_path) if data.data_path else None,
        part="train",
        split=data.split,
        is_train=True,
        seed=config.run.seed,
        options=ReaderOptions(png=data.png, kitti_intrinsics=data.kitti_intrinsics),
    )
    training = build_dataset(data.dataset, request)
    tell_index(console, "training", training)
    validation = build_validation_set(data.dataset, replace(request, part="val", is_train=False))
    tell_index(console, "validation", validation)
    return training, validation


def build_validation_set(dataset: str, request: DatasetRequest) -> ViewDataset:
    """Items with true depth, of which only the target is needed; without any depth, whole samples."""
    whole = build_dataset(dataset, request)
    if not whole.has_depth:
        return whole
    return build_dataset(dataset, replace(request, frame_ids=(0,), with_depth=True))


def tell_index(console: Console, part: str, dataset: ViewDataset) -> None:
    report = dataset.report
    console.print(f"{part}: {report.kept} of {report.listed} listed samples", highlight=False)
    for reason, count in report.left_out.items():
        names = ", ".join(report.examples.get(reason, ()))
        console.print(f"  left out {count}: {reason} ({names})", highlight=False)


def fingerprint(dataset: ViewDataset) -> str:
    """Names which samples there are: a run cannot be resumed to the same numbers on others."""
    names = "\n".join(dataset.name(index) for index in range(len(dataset)))
    return f"{len(dataset)} samples, {hashlib.sha256(names.encode()).hexdigest()[:12]}"


def build(config: TrainConfig, training: ViewDataset) -> tuple[Method, str]:
    """The method with its starting weights, and where its metres come from, in words."""
    metres_per_unit, scale_source = None, "none: trained from video alone, depth is known up to one factor"
    if config.data.use_stereo and training.baseline_m:
        metres_per_unit = training.baseline_m / NOMINAL_BASELINE
        scale_source = f"the stereo baseline of the training data, {training.baseline_m:.4f} m"
    request = MethodRequest(
        config.network, config.loss, config.data.frame_ids, config.data.use_stereo, metres_per_unit
    )
    method = build_method(config.run.method, request)
    if config.run.load_weights_folder:
        checkpoint = load_checkpoint(config.run.load_weights_folder)
        load_into(method.networks, checkpoint, networks_to_load(config.run.models_to_load, method))
    return method, scale_source


def networks_to_load(named: Sequence[str], method: Method) -> list[str]:
    """Those of --models_to_load that this method has: the default names the pose networks of all methods."""
    unknown = [name for name in named if name not in {*RunConfig().models_to_load, *method.networks}]
    wanted = [name for name in named if name in method.networks]
    if unknown or not wanted:
        raise UserError(
            f"--models_to_load {' '.join(named)}: choose among the networks of this method, "
            f"{', '.join(method.networks)}"
        )
    return wanted


def describe(
    config: TrainConfig, method: Method, scale_source: str, position: Position, result: Validation | None
) -> CheckpointMeta:
    """What a checkpoint says of itself."""
    network = config.network
    return CheckpointMeta(
        library_version=__version__,
        method=config.run.method,
        config=cli.as_flat_dict(config),
        encoder=network.encoder or f"resnet{network.num_layers}",
        upsample=network.upsample,
        scales=network.scales,
        height=config.data.height,
        width=config.data.width,
        min_depth=network.min_depth,
        max_depth=network.max_depth,
        metres_per_unit=method.metres_per_unit,
        scale_source=scale_source,
        frame_ids=(*config.data.frame_ids, *((STEREO,) if config.data.use_stereo else ())),
        pose_encoder=f"resnet{network.num_layers}" if "pose_encoder" in method.networks else None,
        pose_model_type=network.pose_model_type if "pose" in method.networks else None,
        pose_model_input=network.pose_model_input,
        num_pose_frames=2 if network.pose_model_input == "pairs" else len(config.data.frame_ids),
        step=position.step,
        epoch=position.epoch,
        score=result.values if result else None,
        protocol=result.protocol if result else None,
    )


# ------------------------------------------------------------------ judging


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


def show_result(
    run_folder: Path, held_out: ValidationSet, protocol: Protocol | None, device: torch.device, console: Console
) -> None:
    """The table and the picture of the best checkpoint."""
    best = find_checkpoint(run_folder / "models" / "best")
    if best is None:
        raise UserError(f"no epoch of {run_folder} had a finite validation score; see its metrics.jsonl")
    predictor = DepthPredictor.load(best, device)
    picture = run_folder / "examples.png"
    if protocol is not None:
        result, kept = validate_depth(predictor.method, held_out, protocol, device, keep_ground_truth=True)
        baseline = constant_baseline(kept.valid_depths, protocol)
        print_result(result, baseline, console)
        write_summary(summarise(result, baseline, {"checkpoint": str(best)}), run_folder / "validation.json")
    unit = "metres" if predictor.metric else "relative"
    save_examples(picture, examples(predictor, held_out.dataset), unit, protocol.max_depth if protocol else None)
    console.print(f"best checkpoint: {best}\npicture: {picture}", highlight=False)


def examples(predictor: DepthPredictor, dataset: ViewDataset) -> list[Example]:
    """A few items spread over a data set, predicted."""
    count = min(EXAMPLES, len(dataset))
    chosen = [round(i * (len(dataset) - 1) / max(count - 1, 1)) for i in range(count)]
    rows = []
    for index in chosen:
        image = dataset.image(index)[None].float() / 255
        depth = predictor.predict(image).depth[0, 0].cpu().numpy()
        rows.append(Example(dataset.name(index), image[0], depth, dataset.depth(index)))
    return rows


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
