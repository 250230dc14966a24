"""One line of a list: which image it names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SplitLine:
    """`folder frame side`."""

    folder: str
    frame: int = 0
    side: str | None = None  # "l" or "r" in KITTI's lists; None: the line does not say


def parse_line(line: str) -> SplitLine:
    """Read `folder frame side`; a line of other than three words has frame 0 and no side, as in Monodepth2.

    Raises:
        ValueError: the line is blank, or the second of three words is not a frame number.
    """
    words = line.split()
    if not words:
        raise ValueError("a line of a split names an image as `folder frame side`, but this one is blank")
    if len(words) != 3:
        return SplitLine(words[0])
    folder, frame, side = words
    if not frame.isdecimal():
        raise ValueError(
            f"split line {line.strip()!r}: expected `folder frame side` with a whole number as frame, "
            f"but found {frame!r}: correct the line"
        )
    return SplitLine(folder, int(frame), side)
