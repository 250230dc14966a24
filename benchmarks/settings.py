"""Settings in which a benchmark is repeated: images at once, and sizes. Options for them, and the picture of ratios."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import Clock, Timings, plot_ratios


@dataclass(frozen=True)
class Setting:
    """Of the networks' input, and how many at once."""

    height: int
    width: int
    batch: int

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    def __str__(self) -> str:
        return f"{self.width}x{self.height}, batches of {self.batch}"


def add_setting_options(parser: argparse.ArgumentParser, batches: list[int]) -> None:
    parser.add_argument("--batches", type=int, nargs="+", default=batches)
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=640)
    told = "also these, with the last of --batches"
    parser.add_argument("--sizes", type=_size, nargs="+", default=[], metavar="WIDTHxHEIGHT", help=told)


def _size(text: str) -> tuple[int, int]:
    """(height, width)"""
    width, height = map(int, text.split("x"))
    return height, width


def settings_of(options: argparse.Namespace) -> list[Setting]:
    """Every batch at the size asked for, then further sizes with the last of the batches."""
    found = [Setting(options.height, options.width, batch) for batch in options.batches]
    return list(dict.fromkeys(found + [Setting(*size, options.batches[-1]) for size in options.sizes]))


def plot_settings(path: Path, measured: Mapping[Setting, Timings], base: str, clock: Clock = "cpu") -> None:
    """Ratios against what there is more than one of: images at once, pixels; beside each other when both."""
    first = next(iter(measured))
    by_batch = {setting.batch: timings for setting, timings in measured.items() if setting.size == first.size}
    last = list(by_batch)[-1]
    sizes = sorted((each for each in measured if each.batch == last), key=lambda each: each.height * each.width)
    by_pixels = {each.height * each.width: measured[each] for each in sizes}
    panels = {"images at once": by_batch, "pixels": by_pixels}
    several = {x: settings for x, settings in panels.items() if len(settings) > 1}
    plot_ratios(path, several or {"images at once": by_batch}, base, clock)
