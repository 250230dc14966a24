"""A configuration becomes data sets and a method: each index is built once, random weights stay what they were."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
from stereo_footage import write_stereo_folder

from selfsup_depth import assembly
from selfsup_depth.config import DataConfig, DistillConfig, FootageConfig, NetworkConfig, RunConfig, TrainConfig
from selfsup_depth.datasets import DATASETS, HAVE_KITTI_INTRINSICS, READ_FOOTAGE_OPTIONS, index
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData
from selfsup_depth.datasets.kitti_views import KittiSource
from selfsup_depth.errors import UserError

NETWORK = NetworkConfig(encoder="mobilenetv3_small_050", weights_init="scratch", pose_model_type="posecnn")


@pytest.fixture
def footage(tmp_path):
    return write_stereo_folder(tmp_path / "footage")


def configuration(footage, **run) -> TrainConfig:
    data = DataConfig(footage, "stereo_folder", height=64, width=96, use_stereo=True)
    return TrainConfig(data=data, network=NETWORK, run=RunConfig(**run))


@pytest.fixture
def indices(monkeypatch) -> list[tuple]:
    """Frames and depth of every index that is built."""
    built = []
    original = index.build_index

    def build_index(source, frame_ids, *, with_depth):
        built.append((frame_ids, with_depth))
        return original(source, frame_ids, with_depth=with_depth)

    monkeypatch.setattr(index, "build_index", build_index)
    return built


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [("kitti", "builtin"), ("builtin", "builtin"), ("builtin_indoor", "builtin_indoor"), ("motorcycle", None)],
)
def test_footage_that_needs_no_data_path(dataset, expected):
    assert assembly.builtin_data(DataConfig(dataset=dataset)) == expected
    assert expected is None or expected in BUILTIN


def test_built_in_footage_is_rendered_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(BUILTIN, "builtin", BuiltinData(lambda: tmp_path, "builtin_drive"))
    made = assembly.with_builtin(DataConfig())
    assert (made.dataset, made.data_path, made.split) == ("builtin", tmp_path, str(tmp_path / "splits"))
    assert assembly.with_builtin(DataConfig(dataset="motorcycle")) == DataConfig(dataset="motorcycle")


def test_data_on_disk_is_no_built_in_footage(footage):
    assert assembly.builtin_data(DataConfig(footage, "stereo_folder", split="lists")) is None
    assert assembly.builtin_data(DataConfig(footage)) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"dataset": "indoor"}, r"--dataset indoor is not known \(did you mean .*\?\): choose one of .*builtin_indoor"),
        ({"dataset": "zzz"}, "--dataset zzz is not known: choose one of kitti, "),
        ({"dataset": "zzz", "data_path": "/data"}, "--dataset zzz is not known"),
        ({"dataset": "stereo_folder"}, "--dataset stereo_folder is read from disk: give .* builtin or builtin_in"),
        ({"split": "eigen_zhou"}, "--split eigen_zhou is about data on disk, but without .*, or leave that out"),
        ({"dataset": "builtin", "split": "odom"}, "--split odom .*--dataset builtin is built-in footage"),
    ],
)
def test_footage_that_cannot_be_had_without_a_data_path(data, message):
    with pytest.raises(UserError, match=message) as error:
        assembly.builtin_data(DataConfig(**data))
    assert ("--split" in str(error.value)) == ("split" in data)


def test_a_short_clip_without_depth_is_validated_on_a_whole_sample(tmp_path):
    path = write_stereo_folder(tmp_path / "footage", frames=8) / "train"
    (path.parent / "calib.json").rename(path / "calib.json")
    shutil.rmtree(path / "depth")
    shutil.rmtree(path.parent / "val")
    assert assembly.build_training_set(configuration(path)).report.kept == 6
    dataset = assembly.build_validation_set(configuration(path))
    assert dataset.name(0) == "wall 6 l"
    assert dataset.request.frame_ids == (0, -1, 1, "s")


def test_validation_with_depth_looks_at_targets_alone(footage, indices):
    dataset = assembly.build_validation_set(configuration(footage))
    assert indices == [((0,), True)]
    assert dataset.report.kept == 3
    assert dataset[0].depth is not None


def test_validation_without_depth_has_whole_samples(footage, indices):
    for path in (footage / "val" / "depth").iterdir():
        path.unlink()
    dataset = assembly.build_validation_set(configuration(footage))
    assert indices == [((0, -1, 1, "s"), False)]
    assert dataset.report.kept == 1
    assert not dataset.has_depth


def test_depth_without_its_image_is_no_depth(footage, indices):
    for path in (footage / "val" / "depth").iterdir():
        path.rename(path.with_name(f"other_{path.name}"))
    assembly.build_validation_set(configuration(footage))
    assert indices == [((0, -1, 1, "s"), False)]


def test_networks_that_are_not_loaded_start_as_without_a_checkpoint(footage, tmp_path):
    from selfsup_depth.checkpoints import save_checkpoint

    training = assembly.build_training_set(configuration(footage))
    torch.manual_seed(1)
    saved, scale = assembly.build(configuration(footage), training, resuming=False)
    meta = assembly.describe(configuration(footage), saved, scale)
    save_checkpoint(tmp_path / "saved", dict(saved.networks.items()), meta)

    torch.manual_seed(2)
    fresh, _ = assembly.build(configuration(footage), training, resuming=False)
    torch.manual_seed(2)
    some = configuration(footage, load_weights_folder=tmp_path / "saved", models_to_load=("encoder", "depth"))
    partly, _ = assembly.build(some, training, resuming=False)
    for name, source in (("encoder", saved), ("depth", saved), ("pose", fresh)):
        expected, found = source.networks[name].state_dict(), partly.networks[name].state_dict()
        assert all(torch.equal(found[key], expected[key]) for key in expected), name


def test_a_resumed_run_fetches_no_weights_to_start_from(footage, tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    network = NetworkConfig(weights_init="pretrained", pose_weights_init="pretrained")
    config = replace(configuration(footage), network=network)
    training = assembly.build_training_set(config)
    method, _ = assembly.build(config, training, resuming=True)
    assert {"encoder", "pose_encoder"} <= set(method.networks)
    with pytest.raises(UserError, match="--weights_init scratch"):
        assembly.build(config, training, resuming=False)


def test_the_data_sets_with_kitti_intrinsics_are_those_that_read_them():
    sources = {name: source for name, source in DATASETS.items() if isinstance(source, type)}  # the rest: functions
    read_them = {name for name, source in sources.items() if issubclass(source, KittiSource)}
    assert read_them == set(HAVE_KITTI_INTRINSICS)


@pytest.mark.parametrize("dataset", sorted(set(DATASETS) - set(READ_FOOTAGE_OPTIONS)))
def test_options_of_own_footage_are_refused_where_no_reader_looks(dataset):
    config = TrainConfig(data=DataConfig(dataset=dataset), footage=FootageConfig(fov=65.0, frame_step=2))
    message = f"--fov and --frame_step are about footage of your own, but --dataset is {dataset}"
    with pytest.raises(UserError, match=message):
        assembly.refuse_ignored_options(config)
    assembly.refuse_ignored_options(TrainConfig(data=DataConfig(dataset=dataset)))


def test_the_scale_of_a_teacher_network_is_refused_where_there_is_none():
    config = TrainConfig(distill=DistillConfig(distill="true_depth", teacher_size="384"))
    with pytest.raises(UserError, match="--teacher_size 384 is about .*--distill true_depth .*leave out --teacher_s"):
        assembly.refuse_ignored_options(config)
    assembly.refuse_ignored_options(replace(config, distill=DistillConfig("true_depth")))
    assembly.refuse_ignored_options(replace(config, distill=DistillConfig("dpt_hybrid", teacher_size="384")))


def test_a_focal_length_is_not_learnt_from_stereo():
    network = NetworkConfig(learn_intrinsics=True)
    config = TrainConfig(data=DataConfig(use_stereo=True), network=network)
    with pytest.raises(UserError, match="--learn_intrinsics cannot work together with --use_stereo"):
        assembly.refuse_ignored_options(config)


def test_a_guess_of_the_camera_is_made_only_where_it_is_learnt():
    assert assembly.footage_options(TrainConfig()).guess_fov is None
    learning = TrainConfig(network=NetworkConfig(learn_intrinsics=True), footage=FootageConfig(fps=5.0))
    assert assembly.footage_options(learning).guess_fov == assembly.GUESSED_FOV
    assert assembly.footage_options(learning).fps == 5.0
