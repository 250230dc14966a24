"""train.py killed, interrupted, resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

import train
from selfsup_depth.checkpoints import load_checkpoint
from tests.same_bits import assert_same_bits
from tests.scripts.train_runs import STEREO, command, networks_of, refused


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
