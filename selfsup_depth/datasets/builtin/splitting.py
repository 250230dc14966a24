"""Which frames of a built-in sequence are learnt from and which are held out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def split_frames(frames: int) -> tuple[range, range]:
    """Training and held-out frames: the last 15 % are held out, one frame between them is in neither.

    The first and the last frame lack a neighbour in time and are in neither.
    """
    held_out = max(2, round(0.15 * frames))
    first = frames - held_out
    return range(1, first - 1), range(first, frames - 1)


def write_lists(root: Path, lists: Mapping[str, list[str]]) -> None:
    """splits/{name}_files.txt."""
    for name, lines in lists.items():
        path = root / "splits" / f"{name}_files.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))
