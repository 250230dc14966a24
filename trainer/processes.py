"""Several processes that train one network: which of them this is, and what they tell each other.

torchrun starts them and tells each in its environment who it is. A program that it did not start is one process,
for which nothing here waits or sends anything.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from selfsup_depth.errors import UserError
from trainer.board import Board

T = TypeVar("T")
#: Environment variable: seconds after which a process that does not answer is given up.
TIMEOUT = "SELFSUP_DEPTH_TIMEOUT"
_DEFAULT_TIMEOUT = 600.0
_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Processes:
    """This process, number `rank` of the `count` of its run, number `local_rank` of the `local_count` of its machine.

    What speaks of "all processes" has to be called by all of them, in the same order.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1
    store: dist.Store | None = None  # None: there is one process

    @property
    def alone(self) -> bool:
        return self.count == 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    @property
    def board(self) -> Board:
        return Board(self._prefixed("board"))

    def connect(self, device: torch.device) -> None:
        """Let tensors travel between all processes: those on GPUs by NCCL, those on CPUs by gloo."""
        if self.alone:
            return
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            store=self._prefixed("group"),
            rank=self.rank,
            world_size=self.count,
            timeout=timedelta(seconds=patience()),
        )

    # ---------------------------------------------------------------- tensors

    def sum(self, values: Tensor) -> Tensor:
        """Sum over all processes, the same bits on each; on the device of `values`, which does not wait for it."""
        if self.alone:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total

    def mean(self, values: Tensor) -> Tensor:
        """Mean over all processes, as `sum`."""
        return values if self.alone else self.sum(values) / self.count

    def largest(self, value: float) -> float:
        """Largest value of all processes, at once."""
        return self.largest_soon(value)()

    def largest_soon(self, value: float) -> Callable[[], float]:
        """Ask for the largest value of all processes now, and get it later, when it is there without waiting."""
        if self.alone:
            return lambda: value
        answer = torch.tensor(value, dtype=torch.float64)
        work = dist.all_reduce(answer, dist.ReduceOp.MAX, async_op=True)
        assert work is not None  # it is asynchronous

        def get() -> float:
            work.wait()
            return float(answer)

        return get

    # ---------------------------------------------------------------- objects

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in their order."""
        if self.alone:
            return [value]
        found: list[Any] = [None] * self.count
        dist.all_gather_object(found, value)
        return found

    def from_main(self, make: Callable[[], T]) -> T:
        """What the main process makes, in all processes."""
        if self.alone:
            return make()
        sent: list[Any] = [make() if self.is_main else None]
        dist.broadcast_object_list(sent, src=0)
        return sent[0]

    # ---------------------------------------------------------------- one after the other

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """All processes do what is within: the main one first, then the first of each machine, then the others.

        So files that are made on first use are made once, whether the machines share their disk or not. How long
        that takes does not matter; all leave together. Raises Ended as soon as one of them has ended the run.
        """
        if self.alone:
            yield
            return
        store = self._prefixed("turns")
        turn = store.add(f"of {self.rank}", 1)
        first_here = self.rank - self.local_rank
        if not self.is_main:
            self._wait(store, f"{turn} done by {0 if self.local_rank == 0 else first_here}")
        yield
        if self.local_rank == 0:
            store.set(f"{turn} done by {self.rank}", "")
        if store.add(f"{turn} done", 1) == self.count:
            store.set(f"{turn} done by all", "")
        self._wait(store, f"{turn} done by all")

    def _wait(self, store: dist.Store, key: str) -> None:
        """Without a limit, but not for one that has ended."""
        pause = 0.01
        while not store.check([key]):
            self.board.look()
            time.sleep(pause)
            pause = min(2 * pause, 0.5)

    def _prefixed(self, name: str) -> dist.Store:
        assert self.store is not None  # asked for among several processes only
        return dist.PrefixStore(name, self.store)


ALONE = Processes()


def from_environment() -> Processes:
    """What the launcher says; one process where there is none, or where it starts only one."""
    if not all(name in os.environ for name in _LAUNCHED) or int(os.environ["WORLD_SIZE"]) == 1:
        return ALONE
    store, rank, count = next(dist.rendezvous("env://", timeout=timedelta(seconds=patience())))
    store = _of_this_attempt(store, rank, count)
    return Processes(rank, count, int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]), store)


def _of_this_attempt(store: dist.Store, rank: int, count: int) -> dist.Store:
    """A corner of the launcher's store that is empty.

    torchrun keeps its store when it starts the processes again, with all that the last ones left there: addresses
    where nobody listens, the news that the run has ended. Nor does it say how often it has started all of them. So the
    main process numbers the attempts, and each process makes sure that it is one of those that the main one found.
    """
    name = uuid.uuid4().hex
    attempt, deadline = 0, time.monotonic() + patience()
    while time.monotonic() < deadline:
        if rank == 0 and not attempt:
            attempt = store.add("attempts", 1)
        elif rank != 0 and attempt != store.add("attempts", 0):
            attempt = store.add("attempts", 0)
            store.set(f"{attempt}/{rank}", name)
        if rank == 0 and store.check([f"{attempt}/{other}" for other in range(1, count)]):
            found = [store.get(f"{attempt}/{other}").decode() for other in range(1, count)]
            store.set(f"{attempt}/found", " ".join([name, *found]))
        if store.check([f"{attempt}/found"]) and name in store.get(f"{attempt}/found").decode():
            return dist.PrefixStore(f"{attempt}", store)
        time.sleep(0.02)
    raise UserError(
        f"not all {count} processes of this run have come within {patience():.0f} s: see what the others say; if they "
        f"only need longer to start, set {TIMEOUT}, in seconds"
    )


def patience() -> float:
    """Seconds that a process is waited for. Raises UserError when the environment says no number of them."""
    told = os.environ.get(TIMEOUT, str(_DEFAULT_TIMEOUT))
    try:
        seconds = float(told)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(
            f"{TIMEOUT}={told}: expected the seconds after which a process that does not answer is given up; "
            f"without it they are {_DEFAULT_TIMEOUT:.0f}"
        )
    return seconds


def is_lost_connection(error: BaseException) -> bool:
    """Whether this is how the end, or the silence, of another process shows."""
    if isinstance(error, dist.DistError):
        return True
    marks = ("gloo", "pair closure")  # gloo has no error of its own
    return isinstance(error, RuntimeError) and any(mark in str(error) for mark in marks)
