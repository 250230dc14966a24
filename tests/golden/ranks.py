"""Several processes that find each other as torchrun's do, without the seconds that torchrun and imports take."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch.distributed as dist

_CONTEXT = multiprocessing.get_context("forkserver")
# DistributedDataParallel imports the compiler
_CONTEXT.set_forkserver_preload(["torch._dynamo", "torch._inductor", "tensorboardX", "rich.progress", "tyro", "pytest"])
ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Ended:
    """How one process ended and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Ranks:
    processes: list[BaseProcess]
    folder: Path
    store: dist.TCPStore  # as the launcher, it outlives the processes

    def wait(self, seconds: float = 60) -> list[Ended]:
        """How they ended. Nothing lives longer than that: a hang is a failure."""
        deadline = time.monotonic() + seconds
        try:
            for process in self.processes:
                process.join(max(0, deadline - time.monotonic()))
            assert not any(process.is_alive() for process in self.processes), f"alive after {seconds} s: {self.texts()}"
        finally:
            self.kill()
        texts = self.texts()
        return [Ended(process.exitcode, *texts[i]) for i, process in enumerate(self.processes)]

    def texts(self) -> list[tuple[str, str]]:
        return [
            tuple((self.folder / f"{stream}{rank}.txt").read_text() for stream in ("out", "err"))
            for rank in range(len(self.processes))
        ]

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def start(
    count: int,
    folder: Path,
    work: Callable[..., int | None],
    *args: object,
    machines: int = 1,
    store: dist.TCPStore | None = None,
    **environment: str,
) -> Ranks:
    """Call `work(*args)` in so many processes, each of which ends as a script does; `work` is a module's function.

    `machines`: as if they were on so many. `store`: of a launcher that starts them again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for rank in range(count):
        for stream in ("out", "err"):
            (folder / f"{stream}{rank}.txt").write_text("")
    store = store or dist.TCPStore(ADDRESS, 0, is_master=True, wait_for_workers=False)
    here = count // machines
    told = {
        "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(here), "MASTER_ADDR": ADDRESS,
        "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True", **environment,
    }  # fmt: skip
    processes = [
        _CONTEXT.Process(
            target=_enter,
            args=(folder, {**told, "RANK": str(rank), "LOCAL_RANK": str(rank % here)}, work, args),
        )
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    return Ranks(processes, folder, store)


def run(count: int, folder: Path, work: Callable[..., int | None], *args: object) -> None:
    """The same, to an end without errors."""
    for ended in start(count, folder, work, *args).wait():
        assert ended.status == 0, ended.err


def _enter(folder: Path, environment: dict[str, str], work: Callable[..., int | None], args: tuple) -> None:
    os.environ.update(environment)
    for number, stream in ((1, "out"), (2, "err")):
        target = os.open(folder / f"{stream}{environment['RANK']}.txt", os.O_WRONLY)
        os.dup2(target, number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    import torch

    from selfsup_depth import cli

    torch.set_num_threads(1)
    sys.exit(cli.run(partial(work, *args)))
