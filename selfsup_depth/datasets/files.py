"""What lies on disk, asked once per directory: an index of 45 000 items costs a few dozen listings."""

from __future__ import annotations

import os
from collections.abc import Sequence


class DirectoryListing:
    """Names of files by directory, each directory read once and remembered."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._usual: dict[tuple[str, ...], dict[str, str]] = {}  # suffixes -> folder -> the first of them in use there

    def names(self, folder: str) -> frozenset[str]:
        """Names of everything in `folder`; empty when there is no such directory."""
        known = self._names.get(folder)
        if known is None:
            try:
                with os.scandir(folder) as entries:
                    known = frozenset(entry.name for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                known = frozenset()
            self._names[folder] = known
        return known

    def has(self, path: str) -> bool:
        """Whether `path` existed when its directory was listed."""
        folder, _, name = path.rpartition("/")
        return name in self.names(folder)

    def find(self, folder: str, stem: str, suffixes: Sequence[str], *, otherwise: str | None = None) -> str:
        """Path of `stem` with the first suffix that exists; when none does, with one that others in the folder have.

        Args:
            otherwise: the suffix to name where no file of the folder has any; None: the first.
        """
        names = self.names(folder)
        for suffix in suffixes:
            if stem + suffix in names:
                return f"{folder}/{stem}{suffix}"
        usual = self._usual.setdefault(tuple(suffixes), {})
        if folder not in usual:
            in_use = (suffix for suffix in suffixes if any(name.endswith(suffix) for name in names))
            usual[folder] = next(in_use, otherwise or suffixes[0])
        return f"{folder}/{stem}{usual[folder]}"
