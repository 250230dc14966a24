"""Loader workers: one thread each, freed memory kept, and a sentence when one is killed."""

from __future__ import annotations

import ast
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
import torch
from stereo_footage import write_stereo_folder
from torch.utils.data import DataLoader, Dataset

from selfsup_depth import cli
from selfsup_depth.workers import begin_worker, dead_worker

ROOT = Path(__file__).parents[1]


def make_images() -> None:
    """As many as a batch has, alive together, and freed together."""
    _ = [torch.empty(3 << 19, dtype=torch.uint8).fill_(1) for _ in range(12)]


class Threads(Dataset):
    """What a worker says of its threads, and of the pages that images of several megabytes cost it."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict[str, int]:
        _ = np.ones((300, 300)) @ np.ones((300, 300))
        blas = max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
        make_images()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            make_images()
        return {
            "blas": blas, "torch": torch.get_num_threads(),
            "pages": resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before,
        }  # fmt: skip


def told_by_a_worker(**options: object) -> dict[str, int]:
    (told,) = DataLoader(Threads(), batch_size=None, num_workers=1, **options)
    return told


def test_a_worker_has_one_thread():
    with threadpoolctl.threadpool_limits(2):
        assert told_by_a_worker()["blas"] == 2
        told = told_by_a_worker(worker_init_fn=begin_worker)
    assert (told["blas"], told["torch"]) == (1, 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_worker_keeps_the_memory_it_has_freed():
    # instead of five times; what a process with much memory behind it shares with its worker costs a page at first
    assert told_by_a_worker(worker_init_fn=begin_worker)["pages"] < 2 * 12 * (3 << 19) // 4096


MAPS = """
import resource, torch
from selfsup_depth import cli

def maps():
    _ = [torch.empty(6 << 20).fill_(1) for _ in range(4)]

def main():
    maps()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        maps()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

cli.run(main)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_a_program_keeps_the_memory_it_has_freed():
    program = [sys.executable, "-c", MAPS]
    pages = int(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert pages < 4 * (24 << 20) // 4096  # all maps once, instead of five times


def test_the_workers_of_every_loader_begin_so():
    for file in [*(ROOT / "selfsup_depth").rglob("*.py"), *(ROOT / "trainer").rglob("*.py")]:
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "DataLoader":
                given = {option.arg: ast.unparse(option.value) for option in call.keywords}
                assert given.get("worker_init_fn") == "begin_worker", f"{file}, line {call.lineno}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("DataLoader worker (pid 71) is killed by signal: Killed. ", r"\(pid 71\) was ended .* \(signal: Killed\)"),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", r"\(pid 7, 8\) ended by itself, mostly because memory"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out "
         "of shared memory.", r"\(signal: Bus error\), .* fewer --num_workers"),
    ],
)  # fmt: skip
def test_a_dead_worker_is_told_in_words(text, told):
    error = dead_worker(RuntimeError(text))
    assert error is not None
    with pytest.raises(type(error), match=told):
        raise error


def test_other_errors_stay_what_they_are():
    assert dead_worker(RuntimeError("CUDA error: out of memory")) is None

    def fail() -> int:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        cli.run(fail)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for the workers in /proc")
def test_a_killed_worker_ends_a_training_with_a_sentence(tmp_path):
    footage = write_stereo_folder(tmp_path / "footage")
    command = [
        sys.executable, str(ROOT / "train.py"), "--dataset", "stereo_folder", "--data_path", str(footage),
        "--frame_ids", "0", "--use_stereo", "--height", "64", "--width", "96", "--weights_init", "scratch",
        "--encoder", "mobilenetv3_small_050", "--batch_size", "2", "--num_epochs", "10000", "--num_workers", "2",
        "--no_cuda", "--save_steps", "1", "--log_dir", str(tmp_path / "runs"),
    ]  # fmt: skip
    out, err = (tmp_path / "out").open("w"), (tmp_path / "err").open("w")
    with out, err, subprocess.Popen(command, stdout=out, stderr=err) as process:
        try:
            last = tmp_path / "runs" / "mdp" / "models" / "last"
            while not last.is_dir() and process.poll() is None:
                time.sleep(0.1)
            os.kill(children(process.pid)[0], signal.SIGKILL)
            start = time.monotonic()
            process.wait(timeout=60)
        finally:
            process.kill()
    told = (tmp_path / "err").read_text()
    assert process.returncode == 2, told
    assert told.startswith("error: a process that loads data (pid ")
    assert "(signal: Killed), mostly because memory is short" in told
    assert len(told.splitlines()) == 1
    assert time.monotonic() - start < 60
    assert last.is_dir()
