"""What a teacher said of each image, kept on disk, so that later epochs and runs cost no teacher time.

    DIR/teacher.json                       which teacher made the maps
    DIR/256x256/3f/3f9a... .safetensors    one map, float16 [1, H, W], named by the image's name

Every map carries a checksum of the very pixels it was made from, of the depth if the teacher was told it, and of
the teacher: a map of another image (the data set changed, or two data sets share a folder and a name) is found when it
is read, not when training ends. A truncated map is found before, by its size, and counts as missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.contract import TeacherInfo
from selfsup_depth.teachers.input_policy import without_size

MANIFEST = "teacher.json"
Depth = Tensor | np.ndarray
_LARGEST = torch.finfo(torch.float16).max
_SMALLEST = 1e-3  # the largest value of a map: less, and its small ones are lost


@dataclass(frozen=True)
class TeacherCache:
    """Teacher maps of one size in a folder; see `open_cache`."""

    folder: Path  # of this size
    size: tuple[int, int]  # height, width
    teacher: str  # identity

    def has(self, name: str) -> bool:
        """Whether there is a whole map of the image of this name, by the size of its file: nothing is read."""
        return self._bytes(name) > self._bytes_of_values

    def is_damaged(self, name: str) -> bool:
        """Whether there is a file for the image of this name that is too small for a map."""
        return 0 <= self._bytes(name) <= self._bytes_of_values

    def read(self, name: str, image: Tensor, depth: Depth | None = None) -> Tensor:
        """The map float16 [1, H, W] of an image uint8 [3, H, W].

        Args:
            depth: float32 [1, h, w] or [h, w], of a teacher that was told it.

        Raises UserError when it is missing, damaged, or was made from other pixels or another depth.
        """
        path = self._path(name)
        try:
            with safe_open(path, framework="pt") as file:
                made_from, stored = dict(file.metadata()), file.get_tensor("map")
        except Exception as error:  # a damaged file raises whatever the parser stumbles over
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"--teacher_cache: the map of '{name}' cannot be read from {path} ({reason}): delete the file and "
                "start again, and it is made anew."
            ) from error
        if tuple(stored.shape) != (1, *self.size):
            raise UserError(
                f"--teacher_cache: the map in {path} is {list(stored.shape)} and not {[1, *self.size]}: delete the "
                "file and start again, and it is made anew."
            )
        found = self._checksums(image, depth)
        made_from.setdefault("teacher", found["teacher"])  # maps of earlier versions do not say
        if made_from["teacher"] != found["teacher"]:
            raise UserError(
                f"--teacher_cache {self.folder.parent}: the map of '{name}' was made by another teacher than the one "
                f"in {MANIFEST}, so another run fills the folder at the same time: give each teacher a folder of its "
                "own, and delete this one."
            )
        for of in ("image", "depth"):
            if made_from.get(of) != found.get(of):
                raise UserError(
                    f"--teacher_cache {self.folder.parent}: the map of '{name}' was made from another {of} than the "
                    "one that is there now: the data has changed, or another data set uses the folder; delete "
                    f"{self.folder} or give another folder."
                )
        return stored

    def write(self, name: str, image: Tensor, teacher_map: Tensor, depth: Depth | None = None) -> None:
        """Keep a map [1, H, W] of an image uint8 [3, H, W]; complete on disk or not there at all.

        Args:
            depth: float32 [1, h, w] or [h, w], if the teacher was told it.

        Raises UserError when it cannot be written, or not be told in half precision.
        """
        path = self._path(name)
        unfinished = path.with_suffix(f".{socket.gethostname()}-{os.getpid()}.partial")
        content = {"map": _as_half(name, teacher_map)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            safetensors.torch.save_file(content, unfinished, metadata={"name": name, **self._checksums(image, depth)})
            os.replace(unfinished, path)
        except Exception as error:  # safetensors has an error of its own for a full disk
            unfinished.unlink(missing_ok=True)
            raise UserError(
                f"--teacher_cache {self.folder.parent} cannot be written ({error}): free some space, check its "
                "permissions, or choose another folder; the maps made so far are kept."
            ) from error

    @property
    def _bytes_of_values(self) -> int:
        return 2 * self.size[0] * self.size[1]

    def _bytes(self, name: str) -> int:
        """Size of the map's file; -1: there is none."""
        try:
            return self._path(name).stat().st_size
        except OSError:
            return -1

    def _checksums(self, image: Tensor, depth: Depth | None) -> dict[str, str]:
        made_from = {"image": image} if depth is None else {"image": image, "depth": depth}
        of_values = {of: _crc(np.ascontiguousarray(values).data) for of, values in made_from.items()}
        return of_values | {"teacher": _crc(self.teacher.encode())}

    def _path(self, name: str) -> Path:
        key = hashlib.sha1(name.encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"


@dataclass(frozen=True)
class Manifest:
    """Who made a cache, and what was asked for: the options, word for word."""

    teacher: TeacherInfo
    asked: str


def open_cache(folder: Path, info: TeacherInfo, size: tuple[int, int], asked: str = "") -> TeacherCache:
    """The cache in a folder, which is made if it does not exist, and taken over if it has no map of its teacher.

    Args:
        info: the teacher; its identity decides whether maps in the folder are its own.
        size: height and width of the maps.
        asked: the options that name the teacher, kept in a new folder's description.

    Raises:
        UserError: when another teacher made the folder, or it cannot be written.
    """
    if not (folder / MANIFEST).is_file():
        _refuse_foreign_folder(folder)
        _write_manifest(folder, Manifest(info, asked))
    made_by = read_manifest(folder).teacher  # after writing: another run may have been there a moment earlier
    if made_by.identity != info.identity:
        if next(folder.rglob("*.safetensors"), None) is not None:
            raise _of_another_teacher(folder, made_by, info)
        _write_manifest(folder, Manifest(info, asked))  # its maker failed before the first map
    return TeacherCache(folder / f"{size[0]}x{size[1]}", size, info.identity)


def _write_manifest(folder: Path, made: Manifest) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{MANIFEST}.{socket.gethostname()}-{os.getpid()}"
        unfinished.write_text(json.dumps(asdict(made.teacher) | {"asked": made.asked}, indent=1) + "\n")
        os.replace(unfinished, folder / MANIFEST)
    except OSError as error:
        raise UserError(f"--teacher_cache {folder} cannot be written ({error}): choose another folder.") from error


def _of_another_teacher(folder: Path, made_by: TeacherInfo, info: TeacherInfo) -> UserError:
    (rest, size), (own_rest, own_size) = (without_size(teacher.identity) for teacher in (made_by, info))
    if rest == own_rest:
        return UserError(
            f"--teacher_cache {folder} was made by the same teacher, {info.name}, at another --teacher_size: it saw "
            f"images at {_scale(size)} then and is to see them at {_scale(own_size)} now; give the --teacher_size of "
            "then, or another folder, or delete this one."
        )
    return UserError(
        f"--teacher_cache {folder} was made by another teacher, {made_by.name} ({made_by.identity}), "
        f"than {info.name} ({info.identity}): give another folder, or delete this one."
    )


def _scale(size: str) -> str:
    return "the size of the input" if size == "native" else f"a short side of {size} pixels"


def read_manifest(folder: Path) -> Manifest:
    """Who made a cache. Raises UserError when its description cannot be read."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
        asked = content.pop("asked", "")
        return Manifest(TeacherInfo(**content), asked)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder / MANIFEST} is not readable as the description of a teacher cache ({error}): delete "
            f"{folder} or give another --teacher_cache."
        ) from error


def _crc(values: bytes | memoryview) -> str:
    return f"{zlib.crc32(values):08x}"


def _as_half(name: str, teacher_map: Tensor) -> Tensor:
    """float16 on the CPU; what is not finite is unknown."""
    known = teacher_map.isfinite()
    largest = float(torch.where(known, teacher_map, 0).abs().amax())
    if largest > _LARGEST or 0 < largest < _SMALLEST:
        raise UserError(
            f"--teacher_cache: the teacher's values of '{name}' reach {largest:.3g}, which half precision cannot tell "
            f"(up to {_LARGEST:g}, and from {_SMALLEST:g} on): use this teacher without --teacher_cache."
        )
    return torch.where(known, teacher_map, torch.nan).to("cpu", torch.float16).contiguous()


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.is_dir() and any(not entry.name.startswith(f".{MANIFEST}") for entry in folder.iterdir()):
        raise UserError(
            f"--teacher_cache {folder} is not a teacher cache (it has no {MANIFEST}) and is not empty: give a new "
            "folder, so that nothing of yours is mixed with it."
        )
