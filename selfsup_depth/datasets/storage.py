"""A folder of files on disk or at a URL, read whole or in parts, with bounded patience."""

from __future__ import annotations

import logging
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import numpy as np
from fsspec.asyn import sync
from fsspec.utils import merge_offset_ranges

from selfsup_depth.errors import UserError

LOG = logging.getLogger(__name__)
ATTEMPTS = 3  # to read from a URL
PATIENCE_S = 30.0  # for one of them
PAUSE_S = 1.0  # before the second; twice as long before the third
#: Parts of a file that are no further apart are read in one go: neighbouring frames, and what lies between them.
GAP = 1 << 18
AT_ONCE = 64  # whole files
#: A pathlib.Path makes one slash of the two in a URL.
URL = re.compile(r"((?:[A-Za-z][\w+.-]+::)*[A-Za-z][\w+.-]+):/+(.+)")

#: name of a file, first byte, byte after the last
Part = tuple[str, int, int]
Answer = TypeVar("Answer")


class Storage(ABC):
    """Files under one name each; `str()` is what a user calls the place."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A whole file; None: there is none."""

    @abstractmethod
    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Whole files, of a URL many at a time. Raises UserError when one is missing."""

    @abstractmethod
    def parts(self, wanted: Sequence[Part]) -> list[np.ndarray]:
        """Parts of files as bytes (uint8), shorter where a file ends before. Raises UserError when one is missing."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Bytes of a file. Raises UserError when it is missing."""

    def _missing(self, name: str) -> UserError:
        return UserError(f"{self}/{name} is missing: copy the whole set there again, or prepare it again.")


def open_storage(path: str | os.PathLike[str]) -> Storage:
    """A folder, or what a URL of fsspec names (http://, s3://, gs://, memory://, ...).

    Raises UserError for a URL that cannot be opened here.
    """
    text = os.fspath(path)
    url = URL.fullmatch(text)
    if url is None:
        return LocalStorage(Path(text).expanduser())
    if url[1] == "file":
        return LocalStorage(Path("/" + url[2]))
    return RemoteStorage(f"{url[1]}://{url[2]}".rstrip("/"))


class LocalStorage(Storage):
    """A folder on disk; parts of its files are mapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._maps: dict[str, np.ndarray] = {}

    def __str__(self) -> str:
        return str(self.folder)

    def __getstate__(self) -> dict[str, Any]:
        """For a loader worker: it maps the files itself; a pickled map would be a copy of the file."""
        return self.__dict__ | {"_maps": {}}

    def read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        found = [(name, self.read(name)) for name in names]
        for name, content in found:
            if content is None:
                raise self._missing(name)
        return [content for _, content in found if content is not None]

    def parts(self, wanted: Sequence[Part]) -> list[np.ndarray]:
        return [self._mapped(name)[start:stop] for name, start, stop in wanted]

    def size(self, name: str) -> int:
        try:
            return (self.folder / name).stat().st_size
        except OSError as error:
            raise self._missing(name) from error

    def _mapped(self, name: str) -> np.ndarray:
        if name not in self._maps:
            empty = self.size(name) == 0  # which cannot be mapped
            path = self.folder / name
            self._maps[name] = np.empty(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="r")
        return self._maps[name]


class RemoteStorage(Storage):
    """A folder at a URL. Each process opens its own connections: those of another one cannot be used after a fork."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[int, Any, str] | None = None  # process, file system, path there
        try:
            self._files()
        except OSError as error:  # of a file system that connects at once, such as ftp
            raise UserError(
                f"--data_path {url} cannot be reached ({_first_line(error)}): check the URL and the connection."
            ) from error

    def __str__(self) -> str:
        return self.url

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}

    def read(self, name: str) -> bytes | None:
        try:
            return self._patiently(name, lambda files, path: _call(files, "cat_file", f"{path}/{name}"))
        except FileNotFoundError:
            return None

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        found: list[bytes] = []
        for first in range(0, len(names), AT_ONCE):
            found += self._ranges([(name, None, None) for name in names[first : first + AT_ONCE]])
        return found

    def parts(self, wanted: Sequence[Part]) -> list[np.ndarray]:
        if not wanted:
            return []
        merged = merge_offset_ranges(*(list(column) for column in zip(*wanted, strict=True)), max_gap=GAP)
        spans = list(zip(*merged, strict=True))
        pieces = self._ranges(spans)
        for (name, start, stop), piece in zip(spans, pieces, strict=True):
            if len(piece) > stop - start:
                raise UserError(
                    f"{self}/{name}: {stop - start} bytes of it were asked for and {len(piece)} came: the server gives "
                    "whole files only, where parts of them are needed; use another server, or copy the set to a disk."
                )
        return [_cut_out(part, spans, pieces) for part in wanted]

    def _ranges(self, wanted: Sequence[tuple[str, int | None, int | None]]) -> list[bytes]:
        """Many at a time, where the file system can."""

        def read(files: Any, path: str) -> list[bytes]:
            names, starts, stops = (list(column) for column in zip(*wanted, strict=True))
            found = _call(files, "cat_ranges", [f"{path}/{name}" for name in names], starts, stops, on_error="return")
            for (name, _, _), piece in zip(wanted, found, strict=True):
                if isinstance(piece, FileNotFoundError):
                    raise self._missing(name) from piece
                if isinstance(piece, Exception) and "416" not in str(piece):  # not: beyond the end of the file
                    raise piece
            return [b"" if isinstance(piece, Exception) else piece for piece in found]

        return self._patiently(wanted[0][0], read)

    def size(self, name: str) -> int:
        try:
            return int(self._patiently(name, lambda files, path: _call(files, "info", f"{path}/{name}"))["size"])
        except FileNotFoundError as error:
            raise self._missing(name) from error

    def _files(self) -> tuple[Any, str]:
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                files, path = fsspec.core.url_to_fs(self.url, skip_instance_cache=True)
            except (ValueError, ImportError) as error:
                raise UserError(
                    f"--data_path {self.url} cannot be opened ({error}): correct the URL, or install what reads it (of "
                    "http:// and https:// pip install 'selfsup-depth[remote]', of s3:// pip install s3fs)."
                ) from error
            self._opened = (os.getpid(), files, path)
        return self._opened[1], self._opened[2]

    def _patiently(self, name: str, read: Callable[[Any, str], Answer]) -> Answer:
        """What `read` gives, tried a few times. Raises FileNotFoundError at once, and UserError in the end."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S * attempt)
            try:
                return read(*self._files())
            except (FileNotFoundError, UserError):
                raise
            except Exception as error:  # libraries of all kinds of servers raise what they like
                reason = error
            told = f"no answer within {PATIENCE_S:g} s" if isinstance(reason, TimeoutError) else _first_line(reason)
            if attempt + 1 < ATTEMPTS:
                LOG.warning("%s/%s: %s; trying again (%d of %d)", self, name, told, attempt + 2, ATTEMPTS)
        raise UserError(
            f"{self}/{name} could not be read in {ATTEMPTS} attempts ({told}): check the URL and the connection; what "
            "was saved before is intact, and a training goes on from there with --resume."
        ) from reason


def _call(files: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """A method of a file system; where it is asynchronous, with an end to waiting."""
    if files.async_impl:
        return sync(files.loop, getattr(files, f"_{method}"), *arguments, timeout=PATIENCE_S, **options)
    return getattr(files, method)(*arguments, **options)


def _cut_out(part: Part, spans: Sequence[Part], pieces: Sequence[bytes]) -> np.ndarray:
    name, start, stop = part
    for (of, first, last), piece in zip(spans, pieces, strict=True):
        if of == name and first <= start and stop <= last:
            return np.frombuffer(piece, np.uint8)[start - first : stop - first]
    raise AssertionError(f"{part} was not read")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
