"""Does a training list contain the frames that a model will be judged on?"""

from __future__ import annotations

from pathlib import Path

from splits.kitti_drives import sequences
from splits.lines import parse_line
from splits.reading import read_split


def leakage(train_split: str | Path, eval_split: str | Path) -> str | None:
    """A sentence when the training list holds test frames of the evaluation split, else None.

    The train part of the one is intersected with the test part of the other. A frame is the same from
    either camera, and whether it is named by its raw drive or by its odometry sequence.

    Raises:
        ValueError: as `read_split` does, when there is no such list.
    """
    trained = {_frame_key(line) for line in read_split(train_split, "train")}
    tested = dict.fromkeys(_frame_key(line) for line in read_split(eval_split, "test"))
    shared = [key for key in tested if key in trained]
    if not shared:
        return None
    folder, frame = shared[0]
    return (
        f"{len(shared)} of the {len(tested)} test frames of split '{eval_split}' stand in the training list "
        f"of '{train_split}' (the first is {folder}, frame {frame}), so its scores would be too good: "
        f"train on a split without them or evaluate on another."
    )


def _frame_key(line: str) -> tuple[str, int]:
    """Folder and frame; odometry sequences are traced to their raw drive."""
    parsed = parse_line(line)
    if parsed.side is None:
        return line, 0  # not `folder frame side`: all we can compare is the line
    sequence = sequences().get(int(parsed.folder)) if parsed.folder.isdecimal() else None
    if sequence is None:
        return parsed.folder, parsed.frame
    return sequence.drive.folder, sequence.first + parsed.frame
