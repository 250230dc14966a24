"""What image files say of themselves, without decoding them: size, bits, frames, whether their end is there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from selfsup_depth.datasets.images import BROKEN, IMAGE_SUFFIXES

#: What the last bytes of a complete file hold. Some cameras write more after it, hence a search, and a decoding of
#: the files in which nothing is found.
ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
TAIL = 64
SAMPLED = 16384  # bytes at the start, in the middle and at the end of which a fingerprint is taken


@dataclass(frozen=True)
class StoredFile:
    """One image file."""

    path: str
    bytes: int
    size: tuple[int, int] | None = None  # width, height; None: no image that Pillow knows
    bits: int = 8  # of a channel
    frames: int = 1
    is_complete: bool = True
    fingerprint: str = ""  # equal for equal files


@dataclass(frozen=True)
class StoredFiles:
    """Those that were looked at, of how many."""

    looked_at: tuple[StoredFile, ...]
    of: int  # files there are; 0: the data is not in image files


def look_at_files(paths: Sequence[str], most: int, generator: np.random.Generator) -> StoredFiles:
    """A sample of at most `most` of these; none where the paths are not those of image files (videos, archives)."""
    in_files = bool(paths) and paths[0].lower().endswith(IMAGE_SUFFIXES) and os.path.isfile(paths[0])
    there = list(paths) if in_files else []
    if len(there) > most:
        there = [there[i] for i in np.sort(generator.choice(len(there), most, replace=False))]
    return StoredFiles(tuple(look_at(path) for path in there), len(paths) if there else 0)


def look_at(path: str) -> StoredFile:
    """Reads at most three pieces of a file."""
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    if size == 0:
        return StoredFile(path, 0, is_complete=False)
    with open(path, "rb") as file:
        head = file.read(SAMPLED)
        file.seek(size // 2)
        middle = file.read(SAMPLED)
        file.seek(max(0, size - SAMPLED))
        tail = file.read()
    fingerprint = hashlib.sha256(b"%d" % size + head + middle + tail).hexdigest()
    try:
        with Image.open(path) as picture:
            kind, shape, frames = picture.format or "", picture.size, int(getattr(picture, "n_frames", 1))
            bits = _bits(kind, head, picture.mode)
    except BROKEN:
        return StoredFile(path, size, is_complete=False, fingerprint=fingerprint)
    return StoredFile(path, size, shape, bits, frames, ENDS.get(kind, b"") in tail[-TAIL:], fingerprint)


def _bits(kind: str, head: bytes, mode: str) -> int:
    """Bits of a channel: Pillow shows 16-bit colour as 8-bit, so PNG's own header is asked."""
    if kind == "PNG" and len(head) > 24:
        return max(8, head[24])
    return 16 if mode.startswith(("I", "F")) else 8
