"""Work that goes on while other work goes on: jobs ahead in threads, results in order, copies from a device.

Whatever is ahead is a few items, never all of them.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

import torch
from torch import Tensor

S = TypeVar("S")
T = TypeVar("T")
_END = object()
_CHECK_S = 0.1
#: Batches that a device may still compute while the host is busy with the one before. A CPU is the host itself.
BATCHES_AHEAD = {"cuda": 1}


class Prefetch(Generic[T]):
    """Runs jobs from an iterator ahead of who asks for their results.

    The iterator itself is advanced in a thread (a video is decoded there, one frame after the other), its jobs run in
    a pool (images of a folder, several at once). Iterating gives a finished future for each job, in order; what the
    iterator raises is raised to who iterates.
    """

    def __init__(self, jobs: Iterator[Callable[[], T]], *, threads: int, ahead: int) -> None:
        self._jobs = jobs
        self._pool = ThreadPoolExecutor(threads)
        self._queue: queue.Queue[object] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)

    def __enter__(self) -> Prefetch[T]:
        self._feeder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._feeder.join()
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[Future[T]]:
        while (entry := self._queue.get()) is not _END:
            if isinstance(entry, Exception):
                raise entry
            assert isinstance(entry, Future)
            yield entry

    def _feed(self) -> None:
        last: object = _END
        try:
            for job in self._jobs:
                if not self._put(self._pool.submit(job)):
                    break
        except Exception as error:  # raised again by __iter__
            last = error
        finally:
            close = getattr(self._jobs, "close", None)  # a generator's: releases the video or the webcam
            if close is not None:
                close()
        self._put(last)

    def _put(self, entry: object) -> bool:
        """False when nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(entry, timeout=_CHECK_S)
                return True
            except queue.Full:
                continue
        return False


def in_threads(do: Callable[[S], T], items: Iterable[S], *, threads: int, ahead: int) -> Iterator[T]:
    """`do` of each item, in order; while items still come, `ahead` of them at most are waiting or being done.

    What an item raises is raised in its place; those after it are given up.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                if len(waiting) == ahead:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(do, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


class ToHost:
    """Tensors on their way to the CPU: `arrived` waits for them, not for what a GPU was given to do afterwards."""

    def __init__(self, *tensors: Tensor) -> None:
        self._event: torch.cuda.Event | None = None
        self._tensors = tensors
        if any(tensor.is_cuda for tensor in tensors):
            self._tensors = tuple(_start_copying(tensor) for tensor in tensors)
            self._event = torch.cuda.Event()
            self._event.record()

    def arrived(self) -> tuple[Tensor, ...]:
        if self._event is not None:
            self._event.synchronize()
        return tuple(tensor.cpu() for tensor in self._tensors)


def _start_copying(tensor: Tensor) -> Tensor:
    if not tensor.is_cuda:
        return tensor
    # only pinned memory is written while the host goes on
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return copy.copy_(tensor, non_blocking=True)


class Stopwatch:
    """How long a device works on what it is given inside the block; nobody waits for it."""

    def __init__(self, device: torch.device) -> None:
        self._is_cuda = device.type == "cuda"
        self._times: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def _mark(self) -> None:
        if self._is_cuda:
            self._events.append(torch.cuda.Event(enable_timing=True))
            self._events[-1].record()
        else:
            self._times.append(time.perf_counter())

    def __enter__(self) -> Stopwatch:
        self._mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mark()

    def seconds(self) -> float:
        """To be asked when the work is done."""
        if self._is_cuda:
            start, end = self._events
            return start.elapsed_time(end) / 1000
        start_s, end_s = self._times
        return end_s - start_s
