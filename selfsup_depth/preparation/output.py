"""The folder of a prepared set while it is made: of one kind of content, gone on with after a stop, then sealed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfsup_depth.datasets.prepared_files import (
    FORMAT,
    MANIFEST,
    UNFINISHED,
    StoredAs,
    facts_file,
    read_views,
)
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Footage, Place, Tally
from selfsup_depth.preparation.shards import write_json

#: Goes up whenever the same footage and options are to give other images: caches are then made anew.
VERSION = 2


@dataclass(frozen=True)
class Contents:
    """What is to be in a prepared set, so that another one in its place is noticed."""

    options: Mapping[str, Any]  # option -> plain value
    footage: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        told = {"version": VERSION, "format": FORMAT, "options": self.options, "footage": self.footage}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Done:
    """How far a preparation came before it was stopped."""

    shards: int  # complete ones
    place: Place | None  # of the last frame in them
    tally: Tally


def is_finished(folder: Path, contents: Contents) -> bool:
    """Whether the folder holds just this set.

    Raises UserError when it holds another one, or anything else that would be mixed with it.
    """
    for name in (MANIFEST, UNFINISHED):
        if (folder / name).is_file():
            _refuse_another(folder, name, contents)
            return name == MANIFEST
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(
            f"--output_directory {folder} is not empty and not a prepared set: give a new folder, so that nothing of "
            "yours is mixed with it."
        )
    return False


def begin(folder: Path, contents: Contents) -> Done:
    """Marks the folder as that of this set, or finds out how far an earlier preparation of it came."""
    if not (folder / UNFINISHED).is_file():
        told = {"format": FORMAT, "fingerprint": contents.fingerprint, "options": contents.options}
        write_json(folder / UNFINISHED, told)
        return Done(0, None, Tally())
    shards = 0
    while (folder / facts_file(shards)).is_file():
        shards += 1
    if shards == 0:
        return Done(0, None, Tally())
    facts = json.loads((folder / facts_file(shards - 1)).read_text(encoding="utf-8"))
    last = facts["frames"][-1]
    place = Place(last["sequence"], last["run"], last["position"], last["number"])
    return Done(shards, place, Tally.from_json(facts["tally"]))


def seal(
    folder: Path, contents: Contents, footage: Footage, shards: int, size: tuple[int, int], tally: Tally,
    stored_as: StoredAs = "arrays",
) -> None:  # fmt: skip
    """Writes what the set is: from now on it can be read. `size` is (height, width)."""
    views = read_views(folder, shards)
    manifest = {
        "format": FORMAT,
        "made_from": footage.made_from,
        "height": size[0],
        "width": size[1],
        "shards": shards,
        "stored_as": stored_as,
        "images": len(views),
        "has_stereo": footage.has_stereo,
        "poses_up_to_scale": footage.poses_up_to_scale,
        "recorded_size": list(footage.recorded_size),
        "camera_is_guess": footage.camera_is_guess,
        "has_depth": any(view.has_depth for view in views),
        "frame_ids": None if footage.frame_ids is None else list(footage.frame_ids),
        "frames": tally.as_json(),
        "index": footage.index,
        "videos": footage.videos,
        "fingerprint": contents.fingerprint,
        "options": contents.options,
        "parts": footage.parts(views),
    }
    write_json(folder / MANIFEST, manifest)
    (folder / UNFINISHED).unlink(missing_ok=True)


@contextmanager
def only_writer_of(folder: Path) -> Iterator[None]:
    """Within, no other process prepares this folder. The lock is the system's: it ends with the process.

    Raises UserError when another process is at it, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output_directory {folder} cannot be made ({error.strerror}): choose another folder (for a video that "
            "train.py prepares: name one in the environment variable SELFSUP_DEPTH_CACHE)."
        ) from error
    if sys.platform == "win32":  # a folder cannot be locked there
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(folder, descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path, descriptor: int) -> None:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):
            return  # a file system without locks: two at once are not noticed there
        raise UserError(
            f"{folder} is being prepared by another process right now: wait until it is done, or give another folder."
        ) from error


def _refuse_another(folder: Path, name: str, contents: Contents) -> None:
    path = folder / name
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        fingerprint, options = known["fingerprint"], known["options"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read as the description of a prepared set ({error}): delete {folder}, or give another "
            "--output_directory."
        ) from error
    if fingerprint == contents.fingerprint:
        return
    told = json.loads(json.dumps(contents.options))
    changed = [f"--{key} {options.get(key)} (now {told[key]})" for key in told if options.get(key) != told[key]]
    of_what = "with " + ", ".join(changed) if changed else "from other footage, another calibration or another version"
    state = "holds a set prepared" if name == MANIFEST else "holds the beginning of a set prepared"
    raise UserError(f"--output_directory {folder} {state} {of_what}: give another folder, or delete this one.")
