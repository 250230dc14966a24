"""All images of a data set at the size of training, decoded once and held in memory for every worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from selfsup_depth.datasets.base import ViewDataset
from selfsup_depth.datasets.shared_memory import SharedBytes
from selfsup_depth.errors import UserError
from splits import SplitLine

#: Of the memory that is free; the rest is for everything that comes later.
SHARE = 0.8
CHUNK = 64  # images that are asked for together
CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@dataclass(frozen=True)
class HeldImages:
    """Images by their views, in bytes that loader workers share."""

    rows: dict[SplitLine, int]
    stored: list[tuple[int, int]]  # (height, width) of each as it is stored
    shape: tuple[int, int, int]  # 3, H, W
    pixels: SharedBytes

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]:
        """As `ViewSource.read_into`."""
        row = self.rows[view]
        out.numpy()[...] = self.image(row).numpy()
        return self.stored[row]

    def image(self, row: int) -> Tensor:
        """[3, H, W] uint8, the memory itself."""
        channels, height, width = self.shape
        size = channels * height * width
        return self.pixels.tensor[row * size : (row + 1) * size].view(self.shape)


def hold_images(dataset: ViewDataset, threads: int, tick: Callable[[int, int], None]) -> HeldImages:
    """Reads every image that the samples need, and lets the data set read them from memory from now on.

    Args:
        tick: told of images read and images in all.

    Raises UserError when they do not fit into the memory that is free, and when an image cannot be read.
    """
    request = dataset.request
    views = dataset.views()
    shape = (3, request.height, request.width)
    size = shape[0] * shape[1] * shape[2]
    _refuse_too_much(len(views), size, f"{request.width}x{request.height}")
    rows = {view: row for row, view in enumerate(views)}
    held = HeldImages(rows, [(0, 0)] * len(views), shape, SharedBytes(len(views) * size))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for first in range(0, len(views), CHUNK):
            chunk = views[first : first + CHUNK]
            dataset.source.fetch(chunk)
            images = [held.image(first + offset) for offset in range(len(chunk))]
            for offset, stored in enumerate(pool.map(dataset.source.read_into, chunk, images)):
                held.stored[first + offset] = stored
            tick(first + len(chunk), len(views))
    dataset.held = held
    return held


def free_memory() -> int | None:
    """Bytes that can be taken without anything being ended or swapped; None: this system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    for limit, usage in CGROUPS:
        try:
            free = min(free, int(Path(limit).read_text()) - int(Path(usage).read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    return max(free, 0)


def _refuse_too_much(images: int, size: int, of: str) -> None:
    """Processes of the same training on this machine each hold their own."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    needed, free = images * size * processes, free_memory()
    if free is None or needed <= SHARE * free:
        return
    times = f" for each of {processes} processes" if processes > 1 else ""
    raise UserError(
        f"--in_memory needs {images * size / 1e9:.1f} GB{times} ({images} images of {of}), but {free / 1e9:.1f} GB of "
        f"memory are free here and {SHARE:.0%} of that may be taken: leave it out and train on what prepare_data.py "
        "writes, which the system keeps in memory as far as it fits, or train at a smaller size."
    )
