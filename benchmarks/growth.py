"""How the cost of a step grows with pixels, batch, sources and scales: the places to measure at, and the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.measuring import Clock, Timings, draw_ratios
from selfsup_depth.config import TrainConfig

SWEEPS = ("pixels", "batch", "sources", "scales")
#: where on the axis -> what was measured there
Growth = Mapping[float, Timings]


def sweep(config: TrainConfig, over: str) -> Iterator[tuple[float, TrainConfig]]:
    """(where on the axis, the configuration there)"""
    data, network = config.data, config.network
    if over == "pixels":
        for height, width in ((96, 320), (128, 416), (192, 640), (256, 832)):
            yield height * width, replace(config, data=replace(data, height=height, width=width))
    elif over == "batch":
        for size in (1, 2, 4, 8):
            yield size, replace(config, optimizer=replace(config.optimizer, batch_size=size))
    elif over == "sources":
        for sources in ((-1,), (-1, 1), (-2, -1, 1, 2)):
            frames = (0, *sources)
            yield len(sources) + data.use_stereo, replace(config, data=replace(data, frame_ids=frames))
    else:
        for count in (1, 2, 3, 4):
            yield count, replace(config, network=replace(network, scales=tuple(range(count))))


def draw(path: Path, measured: Mapping[str, Growth], base: str, clock: Clock) -> None:
    """Above, seconds of a step against a size, beside a line through the first point and the origin: linear growth.
    Below, how many times as fast as `base` each way is."""
    figure = Figure(figsize=(4.2 * len(measured), 6.5), layout="constrained")
    above, below = figure.subplots(2, len(measured), squeeze=False)
    for over, seconds_axes, ratio_axes in zip(measured, above, below, strict=True):
        growth = measured[over]
        places = list(growth)
        for name in next(iter(growth.values())):
            seconds = [timings[name].seconds(clock) for timings in growth.values()]
            colour = "0.4" if name == base else None  # the others take the colours of their ratios below
            (line,) = seconds_axes.plot(places, seconds, "o-", label=name, color=colour)
            linear = [seconds[0] * place / places[0] for place in places]
            seconds_axes.plot(places, linear, "--", color=line.get_color(), linewidth=1)
        seconds_axes.set(ylabel=f"{clock} seconds a step (dashed: linear)", ylim=(0, None), xlim=(0, None))
        seconds_axes.legend()
        draw_ratios(ratio_axes, growth, base, over, clock)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def steepest(growth: Growth, name: str, clock: Clock) -> float:
    """Over all neighbouring places: how many times as much the step grew as what is on the axis; 1 is linear."""
    places = list(growth)
    took = [timings[name].seconds(clock) for timings in growth.values()]
    return max((took[i] / took[i - 1]) / (places[i] / places[i - 1]) for i in range(1, len(places)))
