"""Loaders with workers timed in turns, with the CPU time that their workers take while they live."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.utils.data import DataLoader, Dataset

from benchmarks.measuring import Timing
from selfsup_depth.workers import begin_worker


@dataclass(frozen=True)
class Turn:
    """What a loader does once: all batches in their order."""

    samples: Dataset[Any]
    together: Callable[[list[Any]], Any]
    received: Callable[[Any], object]  # what the main process does with a batch
    batches: Sequence[list[Any]]
    count: int  # samples


def turns_with_workers(turns: Mapping[str, Turn], workers: int, rounds: int, least_s: float) -> dict[str, Timing]:
    """Timings of a sample; each way's turn is repeated until it takes `least_s`. The workers stay between the turns."""
    loaders = {name: _loader(turn, workers) for name, turn in turns.items()}
    repeats = {}
    for name, turn in turns.items():
        _go_through(loaders[name], turn, 1)  # starts the workers
        repeats[name] = max(1, round(least_s / _go_through(loaders[name], turn, 1)[1]))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in list(turns) if number % 2 == 0 else list(turns)[::-1]:
            cpu, wall = _go_through(loaders[name], turns[name], repeats[name])
            samples = repeats[name] * turns[name].count
            taken[name].append((cpu / samples, wall / samples))
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in taken.items()}


def _loader(turn: Turn, workers: int) -> DataLoader[Any]:
    return DataLoader(
        turn.samples, batch_sampler=turn.batches, collate_fn=turn.together, num_workers=workers,
        worker_init_fn=begin_worker, persistent_workers=workers > 0,
    )  # fmt: skip


def _go_through(loader: DataLoader[Any], turn: Turn, times: int) -> tuple[float, float]:
    """(CPU of all processes, wall) in seconds; the clock starts when the first batch is there and the others come."""
    cpu, wall = _cpu_seconds(loader), time.perf_counter()
    for _ in range(times):
        for batch in loader:
            turn.received(batch)
    return _cpu_seconds(loader) - cpu, time.perf_counter() - wall


def _cpu_seconds(loader: DataLoader[Any]) -> float:
    """Of this process and of the loader's workers, as far as the system tells of them while they live."""
    workers = getattr(loader._iterator, "_workers", ()) if loader._iterator is not None else ()
    return time.process_time() + sum(_cpu_seconds_of(worker.pid) for worker in workers)


def _cpu_seconds_of(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
