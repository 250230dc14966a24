"""What train.py says of data, weights and options that cannot be right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import timm
import torch

import train
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData
from selfsup_depth.errors import UserError
from tests.same_bits import assert_same_bits
from tests.scripts.train_runs import STEREO, networks_of, refused, run_script


def test_bad_input_ends_with_one_sentence_and_status_2(tiny_options, tmp_path):
    result = run_script(*tiny_options, *STEREO, "--data_path", "/no/such/folder", "--log_dir", str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: --data_path /no/such/folder")
    assert "Traceback" not in result.stderr


def test_empty_folder(tmp_path, tiny_options):
    refused([*tiny_options, *STEREO, "--data_path", str(tmp_path), "--log_dir", str(tmp_path)], str(tmp_path))


def test_normalised_intrinsics_given_as_pixels(own_footage, tmp_path, tiny_options):
    path = own_footage / "calib.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"fx": 0.58, "fy": 1.92, "cx": 0.5, "cy": 0.5}))
    refused([*tiny_options, *STEREO, "--data_path", str(own_footage), "--log_dir", str(tmp_path)], "normalised")


def test_calibration_with_a_missing_key(own_footage, tmp_path, tiny_options):
    path = own_footage / "calib.json"
    values = json.loads(path.read_text())
    del values["fx"]
    path.write_text(json.dumps(values))
    refused([*tiny_options, *STEREO, "--data_path", str(own_footage), "--log_dir", str(tmp_path)], "calib.json.*fx")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_truncated_image_is_named(own_footage, tmp_path, tiny_options, workers):
    path = own_footage / "train" / "left" / "wall_0003.png"
    path.write_bytes(path.read_bytes()[:200])
    options = [*tiny_options, *STEREO, "--data_path", str(own_footage), "--log_dir", str(tmp_path)]
    with pytest.raises(UserError, match="wall_0003.png") as caught:
        train.main([*options, "--num_workers", workers])
    assert "\n" not in str(caught.value)
    assert "worker" not in str(caught.value)


def test_stereo_of_mono_data(own_footage, tmp_path, tiny_options):
    for part in ("train", "val"):
        for path in (own_footage / part / "right").iterdir():
            path.unlink()
    options = [*tiny_options, "--data_path", str(own_footage), "--log_dir", str(tmp_path)]
    refused([*options, *STEREO], "right")


def test_imagenet_weights_that_cannot_be_had(tiny_options, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.load_state_dict_from_url", lambda *args, **kwargs: (_ for _ in ()).throw(OSError("no network"))
    )
    options = [*tiny_options, *STEREO, "--weights_init", "pretrained", "--log_dir", str(tmp_path)]
    refused(options, "--weights_init scratch")


def no_network(*args, **kwargs):
    raise OSError("no network")


@pytest.fixture
def offline(monkeypatch, tmp_path) -> None:
    """No ImageNet weights in the cache, and none to be had."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", no_network)


def test_resume_needs_no_imagenet_weights(tmp_path, tiny_options, offline, monkeypatch):
    """The numbers stay those of a run that was never stopped."""
    options = [*tiny_options, *STEREO, "--weights_init", "pretrained", "--num_epochs", "2"]
    whole, cut = [*options, "--log_dir", str(tmp_path / "whole")], [*options, "--log_dir", str(tmp_path / "cut")]
    with monkeypatch.context() as online:
        imagenet = tmp_path / "imagenet.pth"
        torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), imagenet)
        online.setattr("selfsup_depth.networks.encoders.timm_backbone.cached_or_reachable", lambda name: imagenet)
        assert train.main(whole) == 0
        assert train.main([*cut, "--num_epochs", "1"]) == 0
    refused([*options, "--log_dir", str(tmp_path / "new")], "--weights_init scratch")  # they are really gone
    assert train.main([*cut, "--resume"]) == 0
    assert_same_bits(*(networks_of(tmp_path / run / "mdp" / "models" / "last") for run in ("whole", "cut")))


def test_resume_without_a_checkpoint_does_need_them(tmp_path, tiny_options, offline):
    options = [*tiny_options, *STEREO, "--encoder", "resnet18", "--weights_init", "pretrained"]
    refused([*options, "--log_dir", str(tmp_path), "--resume"], "--weights_init scratch")


def test_weights_that_replace_all_need_no_imagenet_weights(trained, tmp_path, tiny_options, offline):
    """The encoder is pretrained by name, and everything it starts with comes from the folder."""
    start = trained / "models" / "best"
    options = [*tiny_options, *STEREO, "--num_epochs", "1", "--load_weights_folder", str(start)]
    runs = tmp_path / "pretrained", tmp_path / "scratch"
    for log_dir in runs:
        assert train.main([*options, "--weights_init", log_dir.name, "--log_dir", str(log_dir)]) == 0
    assert_same_bits(*(networks_of(run / "mdp" / "models" / "last") for run in runs))


def test_models_to_load_without_a_folder(tiny_options, tmp_path):
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--models_to_load", "encoder"]
    refused(options, "--models_to_load encoder .*--load_weights_folder")


def test_kitti_intrinsics_of_other_data(tiny_options, tmp_path):
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--kitti_intrinsics", "published"]
    refused(options, "--kitti_intrinsics published is about kitti.* --dataset is stereo_folder")


def test_a_wrong_name_in_models_to_load(trained, tiny_options, tmp_path):
    weights = ["--load_weights_folder", str(trained / "models" / "best")]
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), *weights]
    refused([*options, "--models_to_load", "encodr"], "--models_to_load encodr: choose among .*encoder, depth")
    refused([*options, "--models_to_load", "pose"], "--models_to_load pose")


def test_a_checkpoint_of_another_architecture(trained, tiny_options, tmp_path):
    options = [*tiny_options, *STEREO, "--encoder", "mobilenetv3_small_075", "--log_dir", str(tmp_path)]
    refused([*options, "--load_weights_folder", str(trained / "models" / "best")], "encoder")


def test_a_nan_in_a_batch_stops_with_the_sample_named(trained, tiny_options, tmp_path, monkeypatch):
    from selfsup_depth.datasets import augment

    calls = []

    def poisoned(raw):
        batch = augment(raw)
        calls.append(batch.names)
        if len(calls) == 4:
            batch.target.network_image[0, 0, 5, 5] = float("nan")
        return batch

    monkeypatch.setattr(train, "augment", poisoned)
    message = "step 4: the loss term .* is not a finite number.*wall"
    refused([*tiny_options, *STEREO, "--log_dir", str(tmp_path)], message)
    last = load_checkpoint(tmp_path / "mdp" / "models" / "last", with_training_state=True)
    assert last.meta.step == 3
    assert all(value.isfinite().all() for value in last.state_dicts["depth"].values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "foo"], "--method foo is not known; there are: monodepth2"),
        (["--weights_init", "none.pth"], "--weights_init none.pth: there is no such file"),
        (["--pose_weights_init", "none.pth"], "--pose_weights_init none.pth: there is no such file"),
        (["--load_weights_folder", "none"], "--load_weights_folder none: there is no such folder"),
        (["--log_dir", f"{__file__}/runs"], "--log_dir .*/runs cannot be written"),
        (["--resume", "--model_name", "mpd"], "there is no run .*did you mean --model_name mdp"),
    ],
)
def test_what_is_not_there_is_refused_before_the_data_is_rendered(options, message, tmp_path, monkeypatch):
    def rendered() -> Path:
        raise AssertionError("too late")

    monkeypatch.setitem(BUILTIN, "builtin", BuiltinData(rendered, "builtin_drive"))
    (tmp_path / "mdp").mkdir()
    (tmp_path / "mdp" / "config.yaml").write_text("")
    refused(["--frame_ids", "0", "--use_stereo", "--log_dir", str(tmp_path), *options], message)


def test_findings_are_repeated_after_the_table(trained, tmp_path, tiny_options, capsys):
    run = tmp_path / "mdp"
    shutil.copytree(trained, run)
    with (run / "metrics.jsonl").open("a") as log:
        log.write(json.dumps({"kind": "health", "step": 4, "finding": "step 4: all is flat", "check": "flat"}) + "\n")
    assert train.main([*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--resume"]) == 0
    out = capsys.readouterr().out
    assert "this run is finished (2 epochs)" in out
    assert out.splitlines()[-1] == "warning while training: step 4: all is flat"


def test_stereo_folder_needs_a_path():
    refused(["--dataset", "stereo_folder", *STEREO], "--data_path")


def test_resume_refuses_other_options(trained, tiny_options):
    options = [*tiny_options, *STEREO, "--log_dir", str(trained.parent), "--resume"]
    refused([*options, "--learning_rate", "0.5"], "--learning_rate: 0.0001 -> 0.5")
