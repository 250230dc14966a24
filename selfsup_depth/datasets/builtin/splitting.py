"""Which frames of a built-in sequence are learnt from and which are held out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: One block is held out of about this many frames, so that the held-out ones are like the others.
SEGMENT = 40
HELD_OUT = 0.15


def split_frames(frames: int) -> tuple[list[int], list[int]]:
    """Training and held-out frames: the middle 15 % of every segment of about 40 frames is held out.

    No image that training looks at (a frame and its neighbours in time) is held out: one frame on each side
    of a block is in neither list. Neither are the first and the last frame, which lack a neighbour.
    """
    segments = max(1, round(frames / SEGMENT))
    length = max(1, round(HELD_OUT * frames / segments))
    held_out: list[int] = []
    for segment in range(segments):
        first = round((segment + 0.5) * frames / segments - 0.5 * length)
        held_out += range(max(first, 1), min(first + length, frames - 1))
    seen_by = {n + offset for n in held_out for offset in (-1, 0, 1)}
    return [n for n in range(1, frames - 1) if n not in seen_by], held_out


def write_lists(root: Path, lists: Mapping[str, list[str]]) -> None:
    """splits/{name}_files.txt."""
    for name, lines in lists.items():
        path = root / "splits" / f"{name}_files.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines))
