"""Ways to load change no result: tar shards at a URL and images in memory give the run that the originals give."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from shard_server import serve
from stereo_footage import write_stereo_folder

import evaluate_depth
import evaluate_pose
import prepare_data
import train
from selfsup_depth.datasets import storage
from selfsup_depth.errors import UserError
from trainer.loop import Trainer

SIZE = ["--height", "64", "--width", "96"]
SMALL = [
    *SIZE, "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--pose_model_type", "posecnn",
    "--batch_size", "2", "--num_epochs", "2", "--no_cuda",
]  # fmt: skip
FRAMES = ["--frame_ids", "0", "1", "--use_stereo"]


@pytest.fixture(scope="module")
def wall(tmp_path_factory) -> Path:
    return write_stereo_folder(tmp_path_factory.mktemp("wall") / "wall")


@pytest.fixture(scope="module")
def shards(tmp_path_factory, wall) -> Path:
    folder = tmp_path_factory.mktemp("set") / "shards"
    asked = ["--dataset", "stereo_folder", "--data_path", str(wall), *FRAMES, *SIZE, "--output_directory", str(folder)]
    assert prepare_data.main([*asked, "--shards", "--shard_quality", "0"]) == 0
    return folder


def run(log_dir: Path, *options: str, workers: int = 0) -> list[dict]:
    """The numbers of a training, without its times."""
    assert train.main([*FRAMES, *SMALL, "--num_workers", str(workers), *options, "--log_dir", str(log_dir)]) == 0
    lines = [json.loads(line) for line in (log_dir / "mdp" / "metrics.jsonl").read_text().splitlines()]
    times = re.compile("second|images_per_s|waiting|time")
    return [{key: value for key, value in line.items() if not times.search(key)} for line in lines]


@pytest.fixture(scope="module")
def originals(tmp_path_factory, wall) -> list[dict]:
    return run(tmp_path_factory.mktemp("runs"), "--dataset", "stereo_folder", "--data_path", str(wall))


@pytest.mark.parametrize("workers", [0, 2])
def test_training_from_shards_at_a_url_is_the_same_run(shards, originals, tmp_path, workers, monkeypatch):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    with serve(shards) as server:
        asked = ["--dataset", "shards", "--data_path", server.url, "--shard_cache_gb", "1"]
        assert run(tmp_path, *asked, workers=workers) == originals
    assert list((tmp_path / "cache" / "shards").glob("*/shard_00000.tar"))


@pytest.mark.parametrize("workers", [0, 2])
def test_training_from_memory_is_the_same_run(wall, originals, tmp_path, workers, capsys):
    asked = ["--dataset", "stereo_folder", "--data_path", str(wall), "--in_memory"]
    assert run(tmp_path, *asked, workers=workers) == originals
    assert "12 images are held in memory, 0 MB" in capsys.readouterr().out


def test_a_run_goes_on_from_other_places_of_the_same_data(shards, tmp_path):
    asked = ["--dataset", "shards", "--data_path", str(shards)]
    run(tmp_path, *asked, "--num_epochs", "1")
    with serve(shards) as server:
        moved = ["--dataset", "shards", "--data_path", server.url, "--in_memory", "--resume"]
        assert [line["epoch"] for line in run(tmp_path, *moved) if "epoch" in line][-1] == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_from_a_url_goes_on_in_the_middle_of_an_epoch(shards, originals, tmp_path, monkeypatch, workers):
    """Stopped in an epoch's second step of several, it ends with the numbers of the run that was not."""
    steps = [line for line in originals if line["kind"] == "train"]
    assert steps[0]["step"] >= 3  # logged at the end of each epoch
    take, taken = Trainer._step, []

    def then_stop(trainer, batches):
        losses = take(trainer, batches)
        taken.append(losses)
        if len(taken) == 2:
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr(Trainer, "_step", then_stop)
    with serve(shards) as server:
        asked = ["--dataset", "shards", "--data_path", server.url]
        with pytest.raises(KeyboardInterrupt, match="step 2 is saved"):
            run(tmp_path, *asked, workers=workers)
        resumed = run(tmp_path, *asked, "--resume", workers=workers)
    assert [line for line in resumed if line["kind"] == "validation"] == [
        line for line in originals if line["kind"] == "validation"
    ]
    assert [line for line in resumed if line["kind"] == "train"][-1] == steps[-1]


def test_shards_are_scored_under_the_protocol_of_their_originals(shards, tmp_path, capsys):
    asked = ["--dataset", "shards", "--data_path", str(shards)]
    run(tmp_path, *asked)
    best = ["--load_weights_folder", str(tmp_path / "mdp" / "models" / "best"), "--no_cuda", "--num_workers", "0"]
    with serve(shards) as server:
        there = ["--dataset", "shards", "--data_path", server.url]
        assert evaluate_depth.main(["--eval_stereo", *there, *best]) == 0
        assert evaluate_pose.main([*there, *best, "--eval_out_dir", str(tmp_path / "poses")]) == 0
    assert "stereo_folder" in capsys.readouterr().out


def test_the_next_command_names_the_kind_of_set(wall, tmp_path, capsys):
    asked = ["--dataset", "stereo_folder", "--data_path", str(wall), *FRAMES, *SIZE, "--shards"]
    assert prepare_data.main([*asked, "--output_directory", str(tmp_path / "set")]) == 0
    assert f"train on it: python train.py --dataset shards --data_path {tmp_path}/set" in capsys.readouterr().out
    with pytest.raises(UserError, match="is prepared already: give the originals"):
        prepare_data.main(["--dataset", "shards", "--data_path", str(tmp_path / "set"), "--output_directory", "x"])


def test_a_url_that_times_out_ends_the_training_with_a_sentence(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "PATIENCE_S", 0.4)
    monkeypatch.setattr(storage, "PAUSE_S", 0.05)
    with serve(shards) as server:
        asked = ["--dataset", "shards", "--data_path", server.url]
        run(tmp_path, *asked, "--num_epochs", "1")
        server.hangs = True
        told = r"could not be read in 3 attempts \(no answer within 0\.4 s\)"
        with pytest.raises(UserError, match=told):
            run(tmp_path / "again", *asked)


@pytest.mark.parametrize("workers", [1])
def test_a_url_that_times_out_in_a_worker_ends_the_training_with_a_sentence(shards, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(storage, "PATIENCE_S", 0.4)
    monkeypatch.setattr(storage, "PAUSE_S", 0.05)
    with serve(shards) as server:
        hold = train.training_data

        def then_hang(*arguments):
            server.hangs = True
            return hold(*arguments)

        monkeypatch.setattr(train, "training_data", then_hang)
        with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:\d+/shard_00000\.tar could not be read in 3 att"):
            run(tmp_path, "--dataset", "shards", "--data_path", server.url, workers=workers)


def test_options_of_loading_that_mean_nothing_are_refused(wall, tmp_path):
    asked = ["--dataset", "stereo_folder", "--data_path", str(wall), *SMALL, "--log_dir", str(tmp_path)]
    with pytest.raises(UserError, match="--shard_cache_gb 2 is about --dataset shards, but --dataset is stereo_folder"):
        train.main([*asked, "--shard_cache_gb", "2"])
