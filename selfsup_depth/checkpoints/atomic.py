"""A folder is replaced as a whole or not at all, whenever the power fails."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from selfsup_depth.errors import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def replace_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make `folder` hold exactly `files`.

    Everything is written and synced to a hidden sibling first. Then the old folder is renamed to
    `previous_of(folder)`, the new one to `folder`, and the old one removed. Killed at any point, this
    leaves the old or the new folder complete under one of the two names. One writer per folder.

    Raises:
        UserError: when the disk is full or not writable; the old folder is then in place, untouched.
    """
    folder = folder.resolve()
    previous, fresh = previous_of(folder), folder.parent / f".{folder.name}.saving-{os.getpid()}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for stale in folder.parent.glob(f".{folder.name}.saving-*"):  # of killed runs
            shutil.rmtree(stale)
        fresh.mkdir()
        for name, content in files.items():
            write_synced(fresh / name, content)
        _sync_folder(fresh)
        _swap(folder, fresh, previous)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise _cannot_write(folder, sum(map(len, files.values())), error) from error


def previous_of(folder: Path) -> Path:
    """Where the old folder is while the new one takes its place."""
    return folder.with_name(f"{folder.name}.previous")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file so that it is on the disk, not only on its way there."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _swap(folder: Path, fresh: Path, previous: Path) -> None:
    if folder.exists():  # else `previous`, if any, is the only good one: keep it until `fresh` is in place
        if previous.exists():
            shutil.rmtree(previous)
        os.replace(folder, previous)
    try:
        os.replace(fresh, folder)
        _sync_folder(folder.parent)
    except OSError:
        if folder.exists():
            os.replace(folder, fresh)
        if previous.exists():
            os.replace(previous, folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)  # the new one counts, whatever becomes of the old


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and renames need no sync
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cannot_write(folder: Path, needed: int, error: OSError) -> UserError:
    kept = "what was there before is intact" if folder.exists() else "nothing was there before"
    if error.errno in _FULL:
        return UserError(
            f"{folder}: the disk is full: this checkpoint needs {needed / 1e6:.1f} MB; {kept}; free some "
            "space or choose another --log_dir."
        )
    return UserError(
        f"{folder}: the checkpoint cannot be written ({error.strerror or error}); {kept}; "
        "check its permissions or choose another --log_dir."
    )
