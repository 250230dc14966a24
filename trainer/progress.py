"""The line a person watches: loss, images per second, share of time waiting for data, time left."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Seconds between lines where the output is no terminal (nohup, batch systems) and a bar would show nothing.
LINE_EVERY = 30.0


class TrainingProgress:
    """A progress bar over all steps of a run, or lines now and then, and the clocks behind their numbers."""

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
            disable=console.quiet or not console.is_terminal,
        )
        self.task = self.bar.add_task(
            "training", total=total_steps, completed=done_steps, loss="-", speed=0.0, waiting=0.0
        )
        self._epoch = ""
        self._total, self._done, self._first = total_steps, done_steps, done_steps
        self._start = time.perf_counter()
        self._last_line = self._start
        self.waiting = 0.0  # seconds for data since the clock was started
        self._restart_clock()

    def __enter__(self) -> TrainingProgress:
        self.bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def start_epoch(self, epoch: int, num_epochs: int) -> None:
        self._epoch = f"epoch {epoch + 1}/{num_epochs}"
        self.bar.update(self.task, description=self._epoch)
        self._restart_clock()

    def validating(self, done: int, total: int) -> None:
        self.bar.update(self.task, description=f"validating {done}/{total}")
        if self._is_time_for_a_line():
            self._say(f"{self._epoch}: validating, {done} of {total} images")

    def waited(self, seconds: float) -> None:
        self.waiting += seconds

    def step(self) -> None:
        self._steps += 1
        self._done += 1
        self.bar.advance(self.task)

    def is_due(self) -> bool:
        """Whether the step just taken is to be shown although no window of steps has ended."""
        return self._done == self._first + 1 or self._is_time_for_a_line()

    def show(self, loss: float, *, ends_window: bool = False, ends_epoch: bool = False) -> dict[str, float]:
        """Update the line; returns what it shows. The end of a window starts the next measurement."""
        elapsed = max(time.perf_counter() - self._since, 1e-9)
        shown = {
            "images_per_s": self._steps * self.images_per_step / elapsed,
            "waiting_for_data": min(self.waiting / elapsed, 1.0),
        }
        self.bar.update(
            self.task, loss=f"{loss:.4f}", speed=shown["images_per_s"], waiting=shown["waiting_for_data"]
        )
        if not self.console.is_terminal and (ends_epoch or self.is_due()):
            self._say(
                f"{self._epoch}: step {self._done} of {self._total}, loss {loss:.4f}, "
                f"{shown['images_per_s']:.1f} images/s, waiting for data {shown['waiting_for_data']:.0%}, "
                f"{self._time_left()} left"
            )
        if ends_window:
            self._restart_clock()
        return shown

    def _is_time_for_a_line(self) -> bool:
        return not self.console.is_terminal and time.perf_counter() - self._last_line >= LINE_EVERY

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False)
        self._last_line = time.perf_counter()

    def _time_left(self) -> timedelta:
        """By the mean pace since the start, validations included."""
        pace = (time.perf_counter() - self._start) / max(self._done - self._first, 1)
        return timedelta(seconds=round(pace * (self._total - self._done)))

    def _restart_clock(self) -> None:
        self._since = time.perf_counter()
        self.waiting = 0.0
        self._steps = 0
