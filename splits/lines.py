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
    """Read `folder frame side`, or one word, a path; also `image N`, as KITTI's server counts its test images.

    The latter two have frame 0 and no side, as in Monodepth2. The folder of the first may have blanks in its name.

    Raises:
        ValueError: the line is blank or of another form, or its frame is not a number.
    """
    words = line.split()
    if not words:
        raise ValueError("a line of a split names an image as `folder frame side`, but this one is blank")
    if len(words) == 1 or (len(words) == 2 and words[0] == "image" and words[1].isdecimal()):
        return SplitLine(words[0])
    if len(words) < 3 or (len(words) > 3 and not words[-2].isdecimal()):
        raise ValueError(
            f"split line {line.strip()!r}: expected three columns, `folder frame side`, but found {len(words)}: "
            "correct the line"
        )
    folder, frame, side = line.strip().rsplit(maxsplit=2)
    if not frame.isdecimal():
        raise ValueError(
            f"split line {line.strip()!r}: expected `folder frame side` with a whole number as frame, "
            f"but found {frame!r}: correct the line"
        )
    return SplitLine(folder, int(frame), side)
