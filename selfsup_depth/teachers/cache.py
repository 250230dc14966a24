"""What a teacher said of each image, kept on disk, so that later epochs and runs cost no teacher time.

    DIR/teacher.json                       which teacher made the maps
    DIR/256x256/3f/3f9a... .safetensors    one map, float16 [1, H, W], named by the image's name

Every map carries a checksum of the very pixels it was made from: a map of another image (the data set
changed, or two data sets share a folder and a name) is found when it is read, not when training ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import safe_open
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.contract import TeacherInfo

MANIFEST = "teacher.json"
_LARGEST = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class TeacherCache:
    """Teacher maps of one size in a folder; see `open_cache`."""

    folder: Path  # of this size
    size: tuple[int, int]  # height, width

    def has(self, name: str) -> bool:
        """Whether there is a map of the image of this name."""
        return self._path(name).is_file()

    def read(self, name: str, image: Tensor) -> Tensor:
        """The map float16 [1, H, W] of an image uint8 [3, H, W].

        Raises UserError when it is missing, damaged, or was made from other pixels.
        """
        path = self._path(name)
        try:
            with safe_open(path, framework="pt") as file:
                made_from, stored = file.metadata()["image"], file.get_tensor("map")
        except Exception as error:  # a damaged file raises whatever the parser stumbles over
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"--teacher_cache: the map of '{name}' cannot be read from {path} ({reason}): delete the file and "
                "start again, and it is made anew."
            ) from error
        if made_from != checksum(image):
            raise UserError(
                f"--teacher_cache {self.folder.parent}: the map of '{name}' was made from another image than the one "
                f"that is there now: the data has changed, or another data set uses the folder; delete {self.folder} "
                "or give another folder."
            )
        return stored

    def write(self, name: str, image: Tensor, teacher_map: Tensor) -> None:
        """Keep a map [1, H, W] of an image uint8 [3, H, W]; complete on disk or not there at all."""
        path = self._path(name)
        unfinished = path.with_suffix(f".{os.getpid()}.partial")
        content = {"map": teacher_map.clamp(-_LARGEST, _LARGEST).to("cpu", torch.float16).contiguous()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            safetensors.torch.save_file(content, unfinished, metadata={"name": name, "image": checksum(image)})
            os.replace(unfinished, path)
        except Exception as error:  # safetensors has an error of its own for a full disk
            unfinished.unlink(missing_ok=True)
            raise UserError(
                f"--teacher_cache {self.folder.parent} cannot be written ({error}): free some space, check its "
                "permissions, or choose another folder; the maps made so far are kept."
            ) from error

    def _path(self, name: str) -> Path:
        key = hashlib.sha1(name.encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"


def open_cache(folder: Path, info: TeacherInfo, size: tuple[int, int]) -> TeacherCache:
    """The cache in a folder, which is made if it does not exist.

    Args:
        info: the teacher; its identity decides whether maps in the folder are its own.
        size: height and width of the maps.

    Raises:
        UserError: when another teacher made the folder, or it cannot be written.
    """
    if (folder / MANIFEST).is_file():
        made_by = read_manifest(folder)
        if made_by.identity != info.identity:
            raise UserError(
                f"--teacher_cache {folder} was made by another teacher, {made_by.name} ({made_by.identity}), "
                f"than {info.name} ({info.identity}): give another folder, or delete this one."
            )
    else:
        _refuse_foreign_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = folder / f".{MANIFEST}.{os.getpid()}"
            unfinished.write_text(json.dumps(asdict(info), indent=1) + "\n")
            os.replace(unfinished, folder / MANIFEST)
        except OSError as error:
            raise UserError(f"--teacher_cache {folder} cannot be written ({error}): choose another folder.") from error
    return TeacherCache(folder / f"{size[0]}x{size[1]}", size)


def read_manifest(folder: Path) -> TeacherInfo:
    """Who made a cache. Raises UserError when its description cannot be read."""
    try:
        return TeacherInfo(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{folder / MANIFEST} is not readable as the description of a teacher cache ({error}): delete "
            f"{folder} or give another --teacher_cache."
        ) from error


def checksum(image: Tensor) -> str:
    """Of pixels uint8 [3, H, W]."""
    return f"{zlib.crc32(image.contiguous().numpy()):08x}"  # type: ignore[arg-type]


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(
            f"--teacher_cache {folder} is not a teacher cache (it has no {MANIFEST}) and is not empty: give a new "
            "folder, so that nothing of yours is mixed with it."
        )
