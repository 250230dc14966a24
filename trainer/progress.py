"""The line a person watches: loss, images per second, share of time waiting for data, time left."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingProgress:
    """A progress bar over all steps of a run, and the clocks behind its numbers."""

    def __init__(self, total_steps: int, done_steps: int, images_per_step: int, console: Console) -> None:
        self.images_per_step = images_per_step
        self.console = console
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]:.1f} images/s"),
            TextColumn("waiting for data {task.fields[waiting]:.0%}"),
            TimeRemainingColumn(),
            console=console,
        )
        self.task = self.bar.add_task(
            "training", total=total_steps, completed=done_steps, loss="-", speed=0.0, waiting=0.0
        )
        self._restart_clock()

    def __enter__(self) -> TrainingProgress:
        self.bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def start_epoch(self, epoch: int, num_epochs: int) -> None:
        self.bar.update(self.task, description=f"epoch {epoch + 1}/{num_epochs}")
        self._restart_clock()

    def validating(self, done: int, total: int) -> None:
        self.bar.update(self.task, description=f"validating {done}/{total}")

    def waited(self, seconds: float) -> None:
        self._waiting += seconds

    def step(self) -> None:
        self._steps += 1
        self.bar.advance(self.task)

    def show(self, loss: float) -> dict[str, float]:
        """Update the line; returns what it shows and starts the next measurement."""
        elapsed = max(time.perf_counter() - self._since, 1e-9)
        shown = {
            "images_per_s": self._steps * self.images_per_step / elapsed,
            "waiting_for_data": min(self._waiting / elapsed, 1.0),
        }
        self.bar.update(
            self.task, loss=f"{loss:.4f}", speed=shown["images_per_s"], waiting=shown["waiting_for_data"]
        )
        self._restart_clock()
        return shown

    def _restart_clock(self) -> None:
        self._since = time.perf_counter()
        self._waiting = 0.0
        self._steps = 0
