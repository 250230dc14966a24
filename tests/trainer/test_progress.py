"""The bar on a terminal, and lines now and then elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trainer.progress import LINE_EVERY, TrainingProgress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("trainer.progress.time", clock)
    return clock


def lines(console: Console) -> list[str]:
    return console.file.getvalue().splitlines()


def started(console: Console) -> TrainingProgress:
    progress = TrainingProgress(total_steps=100, done_steps=10, images_per_step=4, console=console)
    progress.start_epoch(1, 10)
    return progress


def test_without_a_terminal_a_line_comes_after_the_first_step_and_then_by_time(clock):
    console = Console(file=io.StringIO(), force_terminal=False, soft_wrap=True)
    with started(console) as progress:
        told = []
        for _ in range(35):
            clock.now += 2.0
            progress.waited(0.5)
            progress.step()
            if progress.is_due():
                progress.show(0.25)
            told.append(len(lines(console)))
    assert lines(console)[0] == (
        "epoch 2/10: step 11 of 100, loss 0.2500, 2.0 images/s, waiting for data 25%, 0:02:58 left"
    )
    assert [told.index(number) + 1 for number in (1, 2, 3)] == [1, 1 + LINE_EVERY / 2, 1 + LINE_EVERY]


def test_without_a_terminal_each_epoch_has_a_line_and_a_long_validation_too(clock):
    console = Console(file=io.StringIO(), force_terminal=False, soft_wrap=True)
    with started(console) as progress:
        for step in range(10):
            progress.step()
            clock.now += 0.1
            progress.show(0.5, ends_window=step == 9, ends_epoch=step == 9)
        assert len(lines(console)) == 2  # of the first step and of the last
        progress.validating(1, 80)
        clock.now += LINE_EVERY
        progress.validating(2, 80)
    assert lines(console)[2:] == ["epoch 2/10: validating, 2 of 80 images"]


def test_on_a_terminal_there_is_a_bar_that_shows_the_first_step(clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=150)
    with started(console) as progress:
        clock.now += 1.0
        progress.step()
        assert progress.is_due()
        progress.show(0.125)
        clock.now += 10 * LINE_EVERY
        progress.step()
        assert not progress.is_due()
    assert "loss 0.1250 4.0 images/s" in console.file.getvalue()
    assert "left" not in console.file.getvalue()


def test_a_look_in_between_does_not_shorten_the_measurement(clock):
    progress = started(Console(file=io.StringIO(), force_terminal=False))
    clock.now += 4.0
    progress.step()
    progress.show(0.5)
    clock.now += 1.0
    progress.step()
    assert progress.show(0.5, ends_window=True)["images_per_s"] == pytest.approx(8 / 5)
