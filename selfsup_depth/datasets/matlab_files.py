"""Matlab files: large ones (version 7.3, which is HDF5) that loader workers share, and short lists of numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from selfsup_depth.errors import UserError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
LONGEST_MATLAB_HEADER = 512


class Hdf5File:
    """Reads single entries of large data sets. A handle is neither pickled nor used after a fork.

    Two processes that read through one handle move the same file position, and get each other's bytes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._handle: Any = None
        self._owner = 0  # the process that opened the handle

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handle": None}

    @property
    def handle(self) -> Any:
        """The open `h5py.File`; raises UserError when h5py is missing or the file is no HDF5."""
        if self._handle is None or self._owner != os.getpid():
            if self._handle is not None:
                self._handle.close()  # else HDF5 finds the file open and goes on with the parent's descriptor
            self._handle, self._owner = _opened(self.path), os.getpid()
        return self._handle

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of data set `name`, Matlab's axes reversed; None when there is no such data set."""
        return getattr(self.handle.get(name), "shape", None)

    def texts(self, name: str) -> list[str]:
        """A Matlab cell array of strings, blanks as underscores; empty when there is none of this name."""
        if name not in self.handle:
            return []
        # each string is a column of UTF-16 code units
        texts = ("".join(map(chr, self.handle[cell][()].ravel())) for cell in self.handle[name][()].ravel())
        return ["_".join(text.split()) for text in texts]

    def read(self, name: str, index: int) -> np.ndarray:
        """Entry `index` of data set `name`, and nothing else of it; raises UserError when that cannot be read."""
        try:
            return np.asarray(self.handle[name][index])
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise UserError(
                f"{self.path} cannot be read at entry {index} of '{name}' ({error}): the download is incomplete or "
                "damaged; get the file again."
            ) from error


def read_indices(path: str, key: str) -> np.ndarray:
    """The numbers under `key` in a Matlab file of any version, int64 [n].

    Raises UserError when the file cannot be read or has no such entry.
    """
    try:
        return np.asarray(_numbers(path, key)).ravel().astype(np.int64)
    except UserError:
        raise
    except Exception as error:  # scipy raises whatever it stumbles over
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path} cannot be read for its entry '{key}' ({reason}): get the file again.") from error


def _numbers(path: str, key: str) -> Any:
    with open(path, "rb") as file:
        start = file.read(LONGEST_MATLAB_HEADER + len(HDF5_SIGNATURE))
    if HDF5_SIGNATURE in (start[: len(HDF5_SIGNATURE)], start[LONGEST_MATLAB_HEADER:]):
        return Hdf5File(path).handle[key][()]
    from scipy.io import loadmat  # 0.1 s to import, for this file alone

    return loadmat(path, variable_names=[key])[key]


def _opened(path: str) -> Any:
    try:
        import h5py  # needed for this file alone
    except ImportError as error:
        raise UserError(f"{path} is an HDF5 file, which h5py reads, and h5py is missing: pip install h5py.") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UserError(
            f"{path} cannot be opened as HDF5 ({error}): the download is incomplete, or it is another file; "
            "get it again."
        ) from error
