"""train.py as users run it, on tiny rendered footage."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import train
from selfsup_depth import cli
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.predictor import DepthPredictor
from tests.same_bits import assert_same_bits
from tests.scripts.train_runs import STEREO, networks_of


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
