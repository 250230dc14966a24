"""Ways of doing the same thing, timed in turns in one process: medians, spreads, ratios, and on which machine.

Read ratios of CPU time on a shared machine, where other work stretches wall time and leaves CPU time nearly alone; on
a GPU wall time is what counts, and `measure` waits for the device.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from selfsup_depth import __version__

Clock = Literal["cpu", "wall"]
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class Timing:
    """One way: seconds of each of its rounds, first to last."""

    cpu_s: tuple[float, ...]  # of this process with all threads, and of child processes that ended meanwhile
    wall_s: tuple[float, ...]

    def seconds(self, clock: Clock) -> float:
        """Median of a round."""
        return median(self.cpu_s if clock == "cpu" else self.wall_s)

    def spread(self, clock: Clock) -> float:
        """Interquartile range over the median: the middle half of the rounds lies within this share."""
        low, high = np.percentile(self.cpu_s if clock == "cpu" else self.wall_s, [25, 75])
        return float((high - low) / self.seconds(clock))


#: name of a way -> what it took
Timings = Mapping[str, Timing]


def measure(ways: Mapping[str, Callable[[], object]], rounds: int, *, warm_ups: int = 1) -> dict[str, Timing]:
    """Every way once a round, in turns, every other round backwards, so that other work meets them all alike."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(-warm_ups, rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            seconds = _seconds_of(ways[name])
            if number >= 0:
                taken[name].append(seconds)
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in taken.items()}


def _seconds_of(way: Callable[[], object]) -> tuple[float, float]:
    """(CPU, wall)"""
    _wait_for_the_gpu()
    cpu, wall = _cpu_seconds(), time.perf_counter()
    way()
    _wait_for_the_gpu()
    return _cpu_seconds() - cpu, time.perf_counter() - wall


def _cpu_seconds() -> float:
    ended_children = os.times()
    return time.process_time() + ended_children.children_user + ended_children.children_system


def _wait_for_the_gpu() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def clock_of(device: torch.device) -> Clock:
    """By which ways are compared: the CPU's own time where it does the work."""
    return "cpu" if device.type == "cpu" else "wall"


def ratio(timings: Timings, name: str, base: str, clock: Clock = "cpu") -> float:
    """How many times as fast as `base` a way is: ratio of the medians."""
    return timings[base].seconds(clock) / timings[name].seconds(clock)


# ------------------------------------------------------------------ told


def machine(packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """What numbers depend on: processor, threads, versions."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    found = {
        "cpu": _cpu_model(), "instructions": torch.backends.cpu.get_cpu_capability(), "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(), "gpu": gpu, "system": platform.system(),
        "python": platform.python_version(), "selfsup_depth": __version__,
    }  # fmt: skip
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _cpu_model() -> str:
    """The name and, where the system tells it, the generation, which names of virtual machines hide."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", platform.machine())
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def table(timings: Timings, base: str, *, clock: Clock = "cpu", items: int = 1, of: str = "run") -> Table:
    """Medians per item, spreads, ratios to `base`; a Markdown table when printed.

    Args:
        items: what one round does, in pieces of the kind that `of` names ("image").
    """
    columns = ("way", f"{clock} ms/{of}", "spread", f"times {base}", f"wall ms/{of}")
    shown = Table(*columns, box=box.MARKDOWN)
    for name, timing in timings.items():
        shown.add_row(
            name,
            _milliseconds(timing.seconds(clock) / items),
            f"{timing.spread(clock):.0%}",
            f"{ratio(timings, name, base, clock):.2f}",
            _milliseconds(timing.seconds("wall") / items),
        )
    return shown


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def tell(title: str, shown: Table) -> None:
    """Print it, wide enough to be copied, with the machine."""
    console = Console(width=120)
    facts = machine()
    device = facts["gpu"] or f"{facts['cpu']}, {facts['instructions']}, {facts['torch_threads']} threads"
    console.print(f"\n{title}; {device}, torch {facts['torch']}", highlight=False, soft_wrap=True)
    console.print(shown)


def write_json(path: Path, settings: Mapping[str, Timings], base: str, **facts: Any) -> None:
    """Every setting's timings with all rounds, their ratios, the machine, and further facts."""
    told = {
        setting: {
            name: {
                "cpu_s": timing.cpu_s, "wall_s": timing.wall_s, "median_cpu_s": timing.seconds("cpu"),
                "median_wall_s": timing.seconds("wall"), "spread_cpu": timing.spread("cpu"),
                "times_base_cpu": ratio(timings, name, base), "times_base_wall": ratio(timings, name, base, "wall"),
            }
            for name, timing in timings.items()
        }
        for setting, timings in settings.items()
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine(), "base": base, "settings": told, **facts}
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")


def plot_ratios(path: Path, panels: Mapping[str, Mapping[float, Timings]], base: str, clock: Clock = "cpu") -> None:
    """Times `base` of every other way; a panel for each thing that differs between settings ("batch size")."""
    figure = Figure(figsize=(6 * len(panels), 4), layout="constrained")
    for axes, (x, settings) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        draw_ratios(axes, settings, base, x, clock)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def draw_ratios(axes: Axes, settings: Mapping[float, Timings], base: str, x: str, clock: Clock) -> None:
    """As `plot_ratios`, into a panel of a larger picture."""
    for name in next(iter(settings.values())):
        if name != base:
            ratios = [ratio(found, name, base, clock) for found in settings.values()]
            axes.plot(list(settings), ratios, "o-", label=name)
    axes.axhline(1, color="0.6", linewidth=1)
    axes.set(xlabel=x, ylabel=f"times {base} ({clock} time)", ylim=(0, None))
    axes.legend()


# ------------------------------------------------------------------ asked


def add_options(parser: argparse.ArgumentParser, *, rounds: int) -> None:
    """The options that every benchmark has."""
    parser.add_argument("--rounds", type=at_least_one, default=rounds, help="each way is run so often, in turns")
    parser.add_argument("--threads", type=at_least_one, default=1, help="of torch on the CPU")
    parser.add_argument("--json", type=Path, default=None, help="write everything measured to this file")
    parser.add_argument("--plot", type=Path, default=None, help="write a picture of the ratios to this file")


def at_least_one(text: str) -> int:
    """Of argparse, whose message names the option."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number
