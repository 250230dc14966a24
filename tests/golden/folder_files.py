"""Folders of frames as a camera leaves them, too small to learn from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 40, 24
CAMERA = {
    "image_width": WIDTH, "image_height": HEIGHT, "fx": 30.0, "fy": 31.0, "cx": 19.0, "cy": 11.0,
    "pixel_origin": "corner",
}  # fmt: skip


def write_picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB") -> Path:
    """A picture of noise that depends on its name; modes RGB, RGBA, L and I;16 (grey of 16 bits)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(sum(path.as_posix().encode()[-20:]))
    channels = {"RGB": (3,), "RGBA": (4,), "L": (), "I;16": ()}[mode]
    kind, end = (np.uint16, 65536) if mode == "I;16" else (np.uint8, 256)
    Image.fromarray(random.integers(0, end, (size[1], size[0], *channels)).astype(kind)).save(path)
    return path


def write_frames(folder: Path, numbers: Iterable[int], name: str = "{:06d}.png", **options: object) -> Path:
    """Pictures named by number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write_picture(folder / name.format(number), **options)  # type: ignore[arg-type]
    return folder


def write_pairs(folder: Path, numbers: Iterable[int], name: str = "{:06d}.png", **options: object) -> Path:
    """left/ and right/."""
    for number in list(numbers):
        for side in ("left", "right"):
            write_frames(folder / side, [number], name, **options)
    return folder


def write_camera(folder: Path, name: str = "calib.json", **changes: object) -> Path:
    """A calibration file of those pictures; `baseline_m=0.25` makes it one of pairs."""
    (folder / name).write_text(json.dumps(CAMERA | changes))
    return folder / name


def write_depth(folder: Path, numbers: Iterable[int], metres: float = 4.0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        values = np.full((HEIGHT, WIDTH), round(metres * 256), dtype=np.uint16)
        Image.fromarray(values).save(folder / f"{number:06d}.png")
