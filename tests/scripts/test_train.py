"""train.py as users run it, on tiny rendered footage."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import train
from selfsup_depth import cli
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData
from selfsup_depth.errors import UserError
from selfsup_depth.predictor import DepthPredictor

ROOT = Path(__file__).parents[2]
STEREO = ["--frame_ids", "0", "--use_stereo"]


def command(*options: str) -> list[str]:
    return [sys.executable, str(ROOT / "train.py"), *options]


def run_script(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*options), capture_output=True, text=True, timeout=300)


def networks_of(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= {f"{path.stem}.{name}": value for name, value in load_file(path).items()}
    assert found
    return found


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


# ------------------------------------------------------------------ a whole run


def test_a_run_leaves_everything_a_user_expects(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "events", "models", "examples.png", "validation.json"} <= names
    assert {path.name for path in (trained / "models").iterdir()} == {"best", "last", "weights_0", "weights_1"}
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "train"]
    assert {"loss", "learning_rate", "images_per_s", "waiting_for_data"} <= set(steps[0])
    assert {"reprojection/0", "smoothness/3", "auto_masked"} <= set(steps[0])
    validations = [line for line in lines if line["kind"] == "validation"]
    assert [line["epoch"] for line in validations] == [0, 1]
    assert {"abs_rel", "rmse", "a1", "aligned_abs_rel"} <= set(validations[0])


def test_the_checkpoint_describes_itself(trained):
    meta = load_checkpoint(trained / "models" / "best").meta
    assert (meta.method, meta.encoder, meta.height, meta.width) == ("monodepth2", "mobilenetv3_small_050", 64, 96)
    assert meta.metres_per_unit == pytest.approx(5.0)  # ten baselines of 0.5 m
    assert "0.5000 m" in meta.scale_source
    assert meta.frame_ids == (0, "s")
    assert meta.score["abs_rel"] > 0
    assert "stereo_folder" in meta.protocol


def test_the_picture_shows_something(trained):
    pixels = np.asarray(Image.open(trained / "examples.png").convert("RGB"))
    assert pixels.shape[0] > 200
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200


def test_the_written_config_repeats_the_run(trained, tmp_path):
    again = tmp_path / "again"
    options = ["--config", str(trained / "config.yaml"), "--log_dir", str(again)]
    assert train.main(options) == 0
    assert_same_bits(networks_of(trained / "models" / "last"), networks_of(again / "mdp" / "models" / "last"))


def test_workers_change_nothing(trained, tmp_path, tiny_options):
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--num_workers", "2"]
    assert train.main(options) == 0
    assert_same_bits(networks_of(trained / "models" / "last"), networks_of(tmp_path / "mdp" / "models" / "last"))


def test_training_lowers_the_loss(tmp_path, tiny_options):
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--num_epochs", "10", "--learning_rate", "3e-4"]
    assert train.main(options) == 0
    lines = [json.loads(line) for line in (tmp_path / "mdp" / "metrics.jsonl").read_text().splitlines()]
    scores = [line["abs_rel"] for line in lines if line["kind"] == "validation"]
    assert scores[-1] < scores[0]
    losses = [line["loss"] for line in lines if line["kind"] == "train"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    "options",
    [
        ["--frame_ids", "0", "-1", "1", "--pose_model_type", "separate_resnet"],
        ["--frame_ids", "0", "-1", "1", "--use_stereo"],
        ["--frame_ids", "0", "1", "--pose_model_type", "shared", "--precision", "bf16"],
    ],
    ids=["mono, two resnets", "mono+stereo posecnn", "shared bf16"],
)
def test_video_trains_too(options, tmp_path, tiny_options):
    assert train.main([*tiny_options, *options, "--num_epochs", "1", "--log_dir", str(tmp_path)]) == 0
    meta = load_checkpoint(tmp_path / "mdp" / "models" / "best").meta
    assert (meta.metres_per_unit is not None) == ("--use_stereo" in options)


def test_weights_of_a_run_start_another(trained, tmp_path, tiny_options):
    start = trained / "models" / "best"
    options = [*tiny_options, *STEREO, "--log_dir", str(tmp_path), "--num_epochs", "1", "--learning_rate", "1e-12"]
    assert train.main([*options, "--ema_decay", "0", "--load_weights_folder", str(start)]) == 0
    one, other = networks_of(start), networks_of(tmp_path / "mdp" / "models" / "last")
    for name in one:
        if "running" not in name and "num_batches" not in name:
            assert torch.allclose(one[name], other[name], atol=1e-6), name


def test_without_depth_the_validation_is_the_loss(own_footage, tmp_path, tiny_options, capsys):
    for part in ("train", "val"):
        for path in (own_footage / part / "depth").iterdir():
            path.unlink()
    options = [*tiny_options, *STEREO, "--data_path", str(own_footage), "--log_dir", str(tmp_path), "--num_epochs", "1"]
    assert train.main(options) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "training loss on the validation set" in line]
    assert re.fullmatch(r"epoch 1: loss [\d.]+ \(.*\)", line)  # its terms are in the log
    assert (tmp_path / "mdp" / "examples.png").exists()


# ------------------------------------------------------------------ kill, resume, interrupt


def wait_for_step(run: Path, step: int, process: subprocess.Popen) -> None:
    deadline = time.time() + 120
    path = run / "models" / "last" / "checkpoint.json"
    while time.time() < deadline:
        try:
            if json.loads(path.read_text())["meta"]["step"] >= step:
                return
        except (OSError, ValueError):
            pass
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    raise AssertionError(f"no checkpoint of step {step} appeared")


@pytest.mark.parametrize("step", [2, 5])
def test_sigkill_and_resume_give_the_same_bits(step, tmp_path, tiny_options):
    options = [*tiny_options, "--frame_ids", "0", "-1", "1", "--use_stereo", "--num_workers", "1", "--save_steps", "1"]
    options += ["--num_epochs", "6", "--save_frequency", "100"]  # 12 steps of 2 an epoch
    whole, cut = [*options, "--log_dir", str(tmp_path / "whole")], [*options, "--log_dir", str(tmp_path / "cut")]
    assert train.main(whole) == 0
    process = subprocess.Popen(command(*cut), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_step(tmp_path / "cut" / "mdp", step, process)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert load_checkpoint(tmp_path / "cut" / "mdp" / "models" / "last").meta.step < 12
    assert train.main([*cut, "--resume"]) == 0
    for name in ("last", "best"):
        one, other = (tmp_path / part / "mdp" / "models" / name for part in ("whole", "cut"))
        assert_same_bits(networks_of(one), networks_of(other))
    states = [
        load_checkpoint(tmp_path / part / "mdp" / "models" / "last", with_training_state=True).training_state
        for part in ("whole", "cut")
    ]
    assert_same_bits(states[0]["average"]["own"], states[1]["average"]["own"])


def start(tmp_path, tiny_options) -> subprocess.Popen:
    options = [*tiny_options, *STEREO, "--num_epochs", "500", "--num_workers", "2", "--batch_size", "2"]
    process = subprocess.Popen(
        command(*options, "--log_dir", str(tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_step(tmp_path / "mdp", 2, process)
    return process


@pytest.mark.parametrize(
    ("send", "source"),
    [
        # as a terminal does: loader workers get it too
        (lambda process: os.killpg(process.pid, signal.SIGINT), "Ctrl-C"),
        (lambda process: process.send_signal(signal.SIGTERM), "SIGTERM"),  # as batch systems do
        (lambda process: os.killpg(process.pid, signal.SIGTERM), "SIGTERM"),  # as torchrun does
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM to the group"],
)
def test_a_signal_saves_and_says_so(send, source, tmp_path, tiny_options):
    process = start(tmp_path, tiny_options)
    send(process)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    step = load_checkpoint(tmp_path / "mdp" / "models" / "last", with_training_state=True).meta.step
    first, last = err.splitlines()
    assert re.match(f"{source}: stopping after this (step|validation); ", first)
    assert last == f"stopped by {source}; step {step} is saved: go on with --resume"
    assert f"step 1 of {500 * 6}, loss " in out  # progress without a terminal


def test_a_second_run_of_the_same_name_is_refused_until_the_first_is_killed(tmp_path, tiny_options):
    process = start(tmp_path, tiny_options)
    options = [*tiny_options, *STEREO, "--batch_size", "2", "--num_epochs", "1", "--log_dir", str(tmp_path)]
    message = rf"a run of this name is in progress .*\(pid {process.pid} on .*give another --model_name or wait"
    refused(options, message)
    refused([*options, "--resume"], message)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    assert train.main([*options, "--resume"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mdp"]


def test_a_sigterm_to_every_process_leaves_the_checkpoint_intact(tmp_path, tiny_options):
    """It ends loader workers at any point, so what the loader itself still prints is not ours to promise."""
    process = start(tmp_path, tiny_options)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, workers)):
        os.kill(pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert load_checkpoint(tmp_path / "mdp" / "models" / "last", with_training_state=True).meta.step > 0


def test_an_earlier_run_is_not_overwritten(own_footage, tmp_path, tiny_options):
    options = [*tiny_options, *STEREO, "--num_epochs", "1", "--log_dir", str(tmp_path)]
    assert train.main(options) == 0
    before = networks_of(tmp_path / "mdp" / "models" / "last")
    assert train.main([*options, "--seed", "1"]) == 0
    assert_same_bits(before, networks_of(tmp_path / "mdp.old1" / "models" / "last"))


# ------------------------------------------------------------------ bad input


def refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train.main(options)


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


# ------------------------------------------------------------------ after training


def test_predictor_knows_its_metres(trained, footage):
    predictor = DepthPredictor.load(trained / "models" / "best", "cpu")
    image = torch.from_numpy(np.array(Image.open(footage / "val" / "left" / "wall_0000.png"))).permute(2, 0, 1)
    prediction = predictor.predict_full_size(image[None].float() / 255)
    assert prediction.unit == "metres"
    assert prediction.depth.shape == (1, 1, 64, 96)


def test_config_of_a_run_is_complete(trained):
    config = yaml.safe_load((trained / "config.yaml").read_text())
    assert set(config) <= set(cli.field_types(train.TrainConfig))
    assert config["use_stereo"] is True
