"""From a configuration to data sets and a method: the only place that turns one into the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from selfsup_depth import __version__, cli
from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into
from selfsup_depth.config import DataConfig, DistillConfig, LoadingConfig, RunConfig, TrainConfig
from selfsup_depth.config.wording import they_are
from selfsup_depth.datasets import (
    HAVE_KITTI_INTRINSICS,
    READ_FOOTAGE_OPTIONS,
    DatasetRequest,
    FootageOptions,
    ReaderOptions,
    ShardCacheOptions,
    ViewDataset,
    ViewSource,
    build_source,
)
from selfsup_depth.datasets.builtin import BUILTIN, builtin_name
from selfsup_depth.datasets.builtin.cache import default_cache_dir
from selfsup_depth.datasets.request import GUESSED_FOV
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import STEREO, FrameId, Method
from selfsup_depth.teaching import Teaching, refuse_gaps, set_up_teaching
from selfsup_depth.tutors import TRUE_DEPTH

#: With stereo a network unit is ten baselines: the published code calls its baseline 0.1.
NOMINAL_BASELINE = 0.1


def refuse_ignored_options(config: TrainConfig) -> None:
    """Raises UserError for an option that was given and that nothing would look at."""
    run, data = config.run, config.data
    default = RunConfig().models_to_load
    if run.models_to_load != default and run.load_weights_folder is None:
        raise UserError(
            f"--models_to_load {' '.join(run.models_to_load)} says what to take from a checkpoint, but none is "
            "given: add its folder as --load_weights_folder, or leave out --models_to_load"
        )
    if run.weights_format is not None and run.load_weights_folder is None:
        raise UserError(
            f"--weights_format {run.weights_format} says what wrote a checkpoint, but none is given: add its folder as "
            "--load_weights_folder, or leave out --weights_format"
        )
    footage = [f"--{o.name}" for o in fields(config.footage) if getattr(config.footage, o.name) != o.default]
    if footage and data.dataset not in READ_FOOTAGE_OPTIONS:
        raise UserError(
            f"{they_are(footage)} about footage of your own, but --dataset is {data.dataset}, which brings its "
            f"own cameras and frames: leave that out, or choose one of {', '.join(READ_FOOTAGE_OPTIONS)}"
        )
    size = config.distill.teacher_size
    if config.distill.distill == TRUE_DEPTH and size != DistillConfig().teacher_size:
        raise UserError(
            f"--teacher_size {size} is about what a teacher network sees, but --distill {TRUE_DEPTH} is the data set's "
            "own depth, at its own size: leave out --teacher_size"
        )
    if config.network.learn_intrinsics and data.use_stereo:
        raise UserError(
            "--learn_intrinsics cannot work together with --use_stereo: disparity alone does not tell the focal length "
            "from the depth; give the rig's calibration, or train from video alone"
        )
    if data.kitti_intrinsics != "calibrated" and data.dataset not in HAVE_KITTI_INTRINSICS:
        raise UserError(
            f"--kitti_intrinsics {data.kitti_intrinsics} is about {', '.join(HAVE_KITTI_INTRINSICS)}, but "
            f"--dataset is {data.dataset}, which brings its own intrinsics: leave out --kitti_intrinsics"
        )
    if config.loading.shard_cache_gb and data.dataset != "shards":
        raise UserError(
            f"--shard_cache_gb {config.loading.shard_cache_gb:g} is about --dataset shards, but --dataset is "
            f"{data.dataset}: leave out --shard_cache_gb"
        )


# ------------------------------------------------------------------ data

#: How the images of a source are looked at: preparation sees them without the lenses' distortion.
Lens = Callable[[ViewSource], ViewSource]


def as_it_is(source: ViewSource) -> ViewSource:
    return source


def builtin_data(data: DataConfig) -> str | None:
    """The footage of `BUILTIN` that is trained on where no --data_path is given; None: no rendered footage.

    Raises UserError as `builtin_name` does.
    """
    return builtin_name(data.dataset, data.data_path, default=DataConfig.dataset, on_disk={"split": data.split})


def with_builtin(data: DataConfig) -> DataConfig:
    """The same with a folder; without --data_path that of built-in footage, rendered if need be."""
    name = builtin_data(data)
    if name is None:
        return data
    root = BUILTIN[name].ensure()
    return replace(data, data_path=root, dataset=name, split=str(root / "splits"))


def build_training_set(config: TrainConfig, through: Lens = as_it_is) -> ViewDataset:
    """All frames of the training items, flipped and jittered; with depth where a tutor tells it at every step.

    Raises UserError when the tutor tells depth, and an item has none.
    """
    name, request = config.data.dataset, data_request(config)
    dataset = ViewDataset(name, through(build_source(name, request)), request)
    if config.distill.distill == TRUE_DEPTH:
        names: dict[bool, list[str]] = {True: [], False: []}
        for index, item in enumerate(dataset.items):
            names[dataset.source.has_depth(item)].append(dataset.name(index))
        refuse_gaps(names[False], names[True], name, has_depth_maps=dataset.source.has_depth_maps)
        dataset.request = replace(request, with_depth=config.distill.teacher_cache is None)
    return dataset


def build_teaching(
    config: TrainConfig, training: ViewDataset, device: torch.device, num_workers: int, say: Callable[[str], None]
) -> Teaching | None:
    """Where the training gets its teacher maps from; None without --distill.

    Raises UserError when the teacher or its cache cannot be used.
    """
    if config.distill.distill is None:
        return None
    recorded = training.recorded(with_depth=config.distill.distill == TRUE_DEPTH)
    return set_up_teaching(config.distill, recorded, device, num_workers=num_workers, say=say)


def build_validation_set(config: TrainConfig, through: Lens = as_it_is) -> ViewDataset:
    """Items with true depth, of which only the target is needed; without any depth, whole samples."""
    name = config.data.dataset
    request = replace(data_request(config), part="val", is_train=False)
    source = through(build_source(name, request))  # with the frames of training: what is held out can depend on them
    if any(source.has_depth(item) and source.has_image(item) for item in source.items()):
        request = replace(request, frame_ids=(0,), with_depth=True)
    return ViewDataset(name, source, request)


def data_request(config: TrainConfig) -> DatasetRequest:
    """What a training asks of its data set."""
    data = config.data
    return DatasetRequest(
        height=data.height,
        width=data.width,
        frame_ids=frames_of_sample(config),
        data_path=str(data.data_path) if data.data_path else None,
        part="train",
        split=data.split,
        is_train=True,
        seed=config.run.seed,
        options=ReaderOptions(
            png=data.png,
            kitti_intrinsics=data.kitti_intrinsics,
            footage=footage_options(config),
            shard_cache=shard_cache(config.loading),
        ),
    )


def shard_cache(loading: LoadingConfig) -> ShardCacheOptions | None:
    """Where remote shards are kept, as far as they are."""
    if loading.shard_cache_gb == 0:
        return None
    return ShardCacheOptions(default_cache_dir() / "shards", int(loading.shard_cache_gb * 1e9))


def footage_options(config: TrainConfig) -> FootageOptions:
    """What the options say of one's own footage."""
    known = {option.name: getattr(config.footage, option.name) for option in fields(config.footage)}
    return FootageOptions(**known, guess_fov=GUESSED_FOV if config.network.learn_intrinsics else None)


def frames_of_sample(config: TrainConfig) -> tuple[FrameId, ...]:
    """The target, its neighbours in time, then its stereo partner."""
    return (*config.data.frame_ids, *((STEREO,) if config.data.use_stereo else ()))


# ------------------------------------------------------------------ the method


def build(
    config: TrainConfig, training: ViewDataset, teaching: Teaching | None = None, *, resuming: bool
) -> tuple[Method, str]:
    """The method with its starting weights, and where its metres come from, in words.

    Where a checkpoint overwrites all weights (`resuming`: the caller's; else --load_weights_folder), none
    are fetched to start from.
    """
    metres_per_unit, scale_source = None, "none: trained from video alone, depth is known up to one factor"
    if config.data.use_stereo and training.baseline_m:
        metres_per_unit = training.baseline_m / NOMINAL_BASELINE
        scale_source = f"the stereo baseline of the training data, {training.baseline_m:.4f} m"
    request = MethodRequest(
        config.network,
        config.loss,
        config.data.frame_ids,
        config.data.use_stereo,
        metres_per_unit,
        config.distill,
        teaching.info.quantity if teaching else "disparity",
        config.speed,
    )
    if resuming:
        return build_method(config.run.method, _from_scratch(request)), scale_source
    if config.run.load_weights_folder is None:
        return build_method(config.run.method, request), scale_source
    return _from_checkpoint(config.run, request), scale_source


def _from_scratch(request: MethodRequest) -> MethodRequest:
    return replace(request, network=replace(request.network, weights_init="scratch", pose_weights_init=None))


def _from_checkpoint(run: RunConfig, request: MethodRequest) -> Method:
    """The method with networks of --load_weights_folder; the others start as if there were no checkpoint."""
    assert run.load_weights_folder is not None
    random_state = torch.get_rng_state()
    method = build_method(run.method, _from_scratch(request))
    checkpoint = load_checkpoint(run.load_weights_folder, format=run.weights_format)
    named = run.models_to_load
    if named == RunConfig().models_to_load and "intrinsics" in checkpoint.state_dicts:
        named = (*named, "intrinsics")  # what was learnt of the camera belongs to the depth and the poses
    wanted = networks_to_load([name for name in named if name != "intrinsics" or name in method.networks], method)
    if set(wanted) != set(method.networks):
        torch.set_rng_state(random_state)
        method = build_method(run.method, request)
    load_into(method.networks, checkpoint, wanted)
    return method


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


#: Training images whose cameras are compared, and how much they may differ: drives of KITTI differ by more.
COMPARED, SAME_CAMERA = 8, 0.01


def shared_camera(training: ViewDataset) -> Tensor | None:
    """[3, 3] the camera of the training images, in pixels of the network's input; None where they have several."""
    recorded = training.recorded()
    chosen = {round(place * (len(recorded) - 1) / (COMPARED - 1)) for place in range(COMPARED)}
    cameras = torch.stack([recorded[index].intrinsics[0] for index in sorted(chosen)])
    spread = (cameras - cameras[0]).abs().amax() / cameras[0, 0, 0]
    return cameras[0] if spread <= SAME_CAMERA else None


def describe(config: TrainConfig, method: Method, scale_source: str) -> CheckpointMeta:
    """What every checkpoint of a training says of itself; step, epoch and score are added when it is saved."""
    network = config.network
    pose_encoder = f"resnet{network.pose_num_layers or network.num_layers}"
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
        frame_ids=frames_of_sample(config),
        pose_encoder=pose_encoder if "pose_encoder" in method.networks else None,
        pose_model_type=network.pose_model_type if "pose" in method.networks else None,
        pose_model_input=network.pose_model_input,
        num_pose_frames=2 if network.pose_model_input == "pairs" else len(config.data.frame_ids),
    )
