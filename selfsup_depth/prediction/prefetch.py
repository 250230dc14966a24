"""Decoding ahead in threads, in order, never more than a few pictures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_END = object()
_CHECK_S = 0.1


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
