"""Renders frames in several processes, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from selfsup_depth.errors import UserError


def default_workers() -> int:
    """One process per core that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def run_all(task: Callable[[int], object], items: Sequence[int], *, workers: int, description: str) -> None:
    """Calls `task` (picklable) with every item; in this process when `workers` is 1.

    Raises UserError when `workers` is below 1, and when the processes are killed.
    """
    if workers < 1:
        raise UserError(f"Rendering the built-in data needs at least 1 process, not workers={workers}.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task(description, total=len(items))
        if workers == 1:
            for item in items:
                task(item)
                progress.advance(bar)
            return
        for _ in _in_processes(task, items, min(workers, len(items))):
            progress.advance(bar)


def _in_processes(task: Callable[[int], object], items: Sequence[int], workers: int) -> Iterator[None]:
    # spawn: a fork would inherit the threads of Embree and torch in an undefined state
    context = multiprocessing.get_context("spawn")
    with _one_thread_each(), ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(task, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        except BrokenProcessPool as error:
            raise UserError(
                "The processes that render the built-in data ended early (killed for memory, or a script "
                "without an `if __name__ == '__main__':` guard): add the guard, or pass workers=1."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """The processes share the cores: numpy's own threads would only get in their way."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
