"""Where a camera went, from above."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


def save_trajectory_plot(path: Path, title: str, paths: Mapping[str, NDArray[np.float64]], unit: str) -> None:
    """A picture of trajectories in the frame of the first camera: x to the right, z (forward) up, equal scales.

    Args:
        paths: legend -> positions [N, 3].
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for name, positions in paths.items():
        axes.plot(positions[:, 0], positions[:, 2], label=name, linestyle="--" if name == "true" else "-")
    axes.plot(0, 0, "k.", label="start")
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(title=title, xlabel=f"x, to the right ({unit})", ylabel=f"z, forward ({unit})")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
