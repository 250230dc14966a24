"""How a folder of one's own footage is laid out: its parts, and the sequences in each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.errors import UserError

SEQUENCES = "sequences.txt"
#: Sub-folders that are no sequences.
PARTS = ("train", "val", "test")
OF_A_SEQUENCE = ("left", "right", "depth")


@dataclass(frozen=True)
class Sequence:
    """A folder of frames, or of `left/` and `right/`."""

    name: str  # below the data folder; empty: the data folder itself
    folder: str
    is_stereo: bool

    def images_of(self, side: str) -> str:
        """The folder of a camera's images (side l or r; l is the only one of a video)."""
        return f"{self.folder}/{'left' if side == 'l' else 'right'}" if self.is_stereo else self.folder


def is_pair_folder(folder: str) -> bool:
    return os.path.isdir(f"{folder}/left")


def has_frames(files: DirectoryListing, folder: str) -> bool:
    return any(name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".") for name in files.names(folder))


def holds_footage(files: DirectoryListing, folder: str) -> bool:
    """Whether there is a sequence in the folder, in any layout."""
    return (
        is_pair_folder(folder)
        or has_frames(files, folder)
        or files.has(f"{folder}/{SEQUENCES}")
        or bool(_sub_folders(files, folder))
    )


def sequences_in(files: DirectoryListing, folder: str) -> list[Sequence]:
    """The sequences of a folder: those that sequences.txt names, itself, or its sub-folders.

    Raises UserError when the folder has both frames and sub-folders with frames, when right/ has no left/ beside it,
    and when sequences.txt names what is not there.
    """
    if files.has(f"{folder}/{SEQUENCES}"):
        return _named_sequences(files, folder)
    if is_pair_folder(folder):
        return [Sequence("", folder, True)]
    if os.path.isdir(f"{folder}/right"):
        raise UserError(
            f"{folder} has right/ but no left/: expected both sides of the pairs, or the frames of one camera in "
            f"{folder} itself; add left/, or give {folder}/right as --data_path."
        )
    below = _sub_folders(files, folder)
    if not has_frames(files, folder):
        return [_sequence(folder, name) for name in below]
    if below:
        raise UserError(
            f"{folder} has frames of its own and sub-folders with frames ({', '.join(below[:3])}), so nobody knows "
            f"which are meant: name the sub-folders to use in {folder}/{SEQUENCES}, a line each ('.' is the folder "
            "itself)."
        )
    return [Sequence("", folder, False)]


def part_folder(root: str, part: str, holds: Callable[[str], bool]) -> tuple[str, bool] | None:
    """The folder that holds the footage of a part, and whether the parts are folders; None: there is no footage.

    `train/` and `val/` below the root are the parts; a root that is one of them finds the other beside it, and `val/`
    beside the footage of training will do.

    Raises UserError when there are images for training in train/ and none for validation.
    """
    names = ("test", "val") if part == "test" else (part,)
    parent, _, own = os.path.abspath(root).replace(os.sep, "/").rpartition("/")
    places = [f"{root}/{name}" for name in names]
    of_both = all(holds(f"{parent}/{name}") for name in ("train", "val"))
    if own in ("train", "val") and of_both and part != "test":  # one alone has to be shared
        places += [f"{parent}/{name}" for name in names]
    for place in places:
        if holds(place):
            return place, True
    if holds(root):
        return root, part == "train" and holds(f"{root}/val")
    if part == "val" and holds(f"{root}/train"):
        inside = "/left" if is_pair_folder(f"{root}/train") else ""
        raise UserError(
            f"{root}/val{inside} is missing: expected images for validation in val/, as for training in train/; add "
            f"them, or give {root}/train as --data_path, whose end is then held out."
        )
    return None


def _sub_folders(files: DirectoryListing, folder: str) -> list[str]:
    """Names of sub-folders that are sequences."""
    taken = (*PARTS, *OF_A_SEQUENCE)
    names = sorted(name for name in files.names(folder) if name not in taken and not name.startswith("."))
    places = ((name, f"{folder}/{name}") for name in names if not name.lower().endswith(IMAGE_SUFFIXES))
    return [name for name, place in places if is_pair_folder(place) or has_frames(files, place)]


def _sequence(folder: str, name: str) -> Sequence:
    place = folder if name == "" else f"{folder}/{name}"
    return Sequence(name, place, is_pair_folder(place))


def _named_sequences(files: DirectoryListing, folder: str) -> list[Sequence]:
    path = f"{folder}/{SEQUENCES}"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): save it as UTF-8 text, a sub-folder a line.") from error
    found = []
    for number, line in enumerate(lines, start=1):
        name = line.strip().strip("/").removeprefix("./")
        if not name or name.startswith("#"):
            continue
        sequence = _sequence(folder, "" if name == "." else name)
        if not (sequence.is_stereo or has_frames(files, sequence.folder)):
            raise UserError(
                f"{path}, line {number}: {sequence.folder} has neither frames nor left/ and right/: correct the line."
            )
        found.append(sequence)
    if not found:
        raise UserError(f"{path} names no sub-folder: add lines, or remove it to use all sub-folders.")
    if len(set(found)) < len(found):
        raise UserError(f"{path} names a sub-folder twice: remove one of the lines.")
    return found
