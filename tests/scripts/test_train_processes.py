"""train.py in two processes, as torchrun starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import ranks
import torch

import train
from selfsup_depth.datasets import builtin
from selfsup_depth.errors import UserError
from tests.scripts import rank_train
from trainer.processes import Processes

ROOT = Path(__file__).parents[2]
STEREO = ["--frame_ids", "0", "-1", "1", "--use_stereo"]


def lines(run: Path, kind: str) -> list[dict]:
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry.pop("kind") == kind]


def saved_step(run: Path) -> int:
    try:
        return json.loads((run / "models" / "last" / "checkpoint.json").read_text())["meta"]["step"]
    except (OSError, ValueError):
        return 0


def test_a_killed_process_is_started_again_and_both_reach_the_result_of_one(tmp_path, tiny_options):
    """With synchronised batch norms; without them two processes are another, equally good training."""
    options = [*tiny_options, *STEREO, "--num_epochs", "4", "--save_steps", "1", "--sync_batchnorm"]
    run = tmp_path / "two" / "mdp"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    process = subprocess.Popen(
        [*launch, "--max_restarts", "1", str(ROOT / "train.py"), *options, "--log_dir", str(run.parent), "--resume"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 150
        while saved_step(run) < 3:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "it took no steps"
            time.sleep(0.002)
        main = int(re.match(r"pid (\d+)", (run.parent / ".mdp.lock").read_text())[1])
        assert main != process.pid
        os.kill(main, signal.SIGKILL)
        out, err = process.communicate(timeout=150)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert re.search(r"^resuming at epoch \d, step \d+$", out, re.MULTILINE)
    assert out.count("best checkpoint: ") == 1
    assert not (run.parent / ".mdp.lock").exists()

    assert train.main([*options, "--log_dir", str(tmp_path / "one")]) == 0
    one = tmp_path / "one" / "mdp"
    assert len(lines(one, "validation")) == 4
    for alone, both in zip(lines(one, "validation"), lines(run, "validation"), strict=True):
        assert both == pytest.approx(alone, rel=1e-4)
    alone, both = lines(one, "train")[-1], lines(run, "train")[-1]
    assert both["step"] == alone["step"] == 8
    for name in ("loss", "reprojection/0", "smoothness/3", "learning_rate"):
        assert both[name] == pytest.approx(alone[name], rel=1e-4), name
    assert both["auto_masked"] == pytest.approx(alone["auto_masked"], abs=2e-4)  # a few pixels that nearly tie
    scores = [json.loads((path / "validation.json").read_text()) for path in (one, run)]
    assert [row["name"] for row in scores[1]["rows"]] == [row["name"] for row in scores[0]["rows"]]


def test_footage_is_made_once_and_bad_input_told_once(tmp_path, tiny_options):
    small = [*tiny_options[4:], *STEREO, "--log_dir", str(tmp_path / "runs")]
    drive = builtin.ensure_builtin_drive(tmp_path / "cache", frames=14, height=64, width=96, workers=1)
    options = [*small, "--num_epochs", "1", "--batch_size", "3"]
    main, other = ranks.start(2, tmp_path, rank_train.train_builtin, drive, tmp_path / "made", *options).wait(120)
    assert (main.status, other.status) == (0, 0), main.err + other.err
    assert (other.out, other.err) == ("", "")
    assert (tmp_path / "made.log").read_text() == "rendered by 0\n"
    assert "best checkpoint: " in main.out

    bad = [*tiny_options, *STEREO, "--data_path", "/no/such/folder", "--log_dir", str(tmp_path)]
    ended = ranks.start(2, tmp_path, rank_train.train_main, *bad).wait(60)
    (sentence,) = "".join(one.err for one in ended).splitlines()
    assert sentence.startswith("error: --data_path /no/such/folder")


def test_a_teacher_is_asked_once(own_footage, tmp_path, tiny_options):
    names = [f"wall {frame} l" for frame in range(1, 5)]  # those with depth
    for part in ("train", "val"):
        (tmp_path / f"{part}_files.txt").write_text("\n".join(names if part == "train" else ["wall 0 l"]))
    data = ["--data_path", str(own_footage), "--split", str(tmp_path), "--log_dir", str(tmp_path), "--num_epochs", "1"]
    teacher = ["--distill", "true_depth", "--teacher_cache", str(tmp_path / "cache"), "--distill_warmup", "0"]
    options = [*tiny_options, *STEREO, *data, *teacher]
    main, other = ranks.start(2, tmp_path, rank_train.train_main, *options).wait(120)
    assert (main.status, other.status, other.out, other.err) == (0, 0, "", ""), main.err
    assert "0 of 4 maps are there" in main.out
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 4


def test_restarts_without_resume_are_refused(monkeypatch, tmp_path, tiny_options):
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    with pytest.raises(UserError, match="--max_restarts starts the same command again .* add --resume"):
        train.main([*tiny_options, "--log_dir", str(tmp_path)])


def test_what_a_gpu_can_do_is_asked_of_the_own_one(monkeypatch, tmp_path, tiny_options):
    """A small function that is compiled on the first GPU would leave memory of every process there."""

    class Second(Processes):
        def in_turn(self) -> AbstractContextManager[None]:
            return nullcontext()

    monkeypatch.setattr(train, "launched", lambda: nullcontext(Second(rank=1, count=2, local_rank=1, local_count=2)))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.set_device", lambda device: None)

    def nothing_compiles(device: torch.device) -> None:
        raise UserError(f"asked {device}")

    monkeypatch.setattr(train, "require_compiler", nothing_compiles)
    options = [option for option in tiny_options if option != "--no_cuda"]
    with pytest.raises(UserError, match="asked cuda:1"):
        train.main([*options, "--compile", "--log_dir", str(tmp_path)])
