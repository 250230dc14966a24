"""Videos for tests: written by OpenCV, then given what its writer cannot write (a rotation flag, uneven times)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # read once, by whoever first uses OpenCV's videos
import cv2
import numpy as np
from stereo_footage import BASELINE, FOCAL, HEIGHT, WIDTH, wall

#: What the track header's matrix says of a video that is to be turned clockwise when it is shown.
_MATRIX_OF_ROTATION = {
    0: (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000),
    90: (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000),
    180: (-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000),
    270: (0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000),
}
_HOLD_OTHERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def write_video(path: Path, images: Sequence[np.ndarray], fps: float = 10.0, codec: str | None = None) -> Path:
    """RGB images [H, W, 3] uint8 as mp4 or mov (lossy), or without loss as avi."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = images[0].shape[:2]
    codec = codec or ("FFV1" if path.suffix == ".avi" else "mp4v")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, (width, height))
    assert writer.isOpened()
    for image in images:
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    return path


def wall_walk(frames: int, side: str = "left", step: float = 0.15) -> list[np.ndarray]:
    """What a camera sees that walks along the wall of `stereo_footage`, `step` metres a frame."""
    return [wall(step * frame + (BASELINE if side == "right" else 0.0), 0.0)[0] for frame in range(frames)]


def write_calibration(folder: Path, stereo: bool = False, **changes: object) -> Path:
    """The wall's camera in our format."""
    lines = {"image_width": WIDTH, "image_height": HEIGHT, "fx": FOCAL, "fy": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2}
    lines |= {"pixel_origin": "corner"} | ({"baseline_m": BASELINE} if stereo else {}) | changes  # type: ignore[dict-item]
    path = folder / "calib.yaml"
    path.write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    return path


def turn_video(path: Path, degrees: int) -> Path:
    """Set the rotation flag of an mp4: clockwise when shown, as phones write it."""
    content = bytearray(path.read_bytes())
    (start, _) = next(place for kind, *place in _boxes(content) if kind == b"tkhd")
    content[start + 48 : start + 84] = struct.pack(">9i", *_MATRIX_OF_ROTATION[degrees])
    path.write_bytes(content)
    return path


def set_frame_times(path: Path, seconds: Sequence[float]) -> Path:
    """Give the frames of an mp4 of OpenCV uneven times: how long each one is shown."""
    content = bytes(path.read_bytes())
    found = {kind: place for kind, *place in _boxes(content)}
    (header, _), (start, size) = found[b"mdhd"], found[b"stts"]
    (ticks_per_second,) = struct.unpack(">I", content[header + 20 : header + 24])
    entries = b"".join(struct.pack(">II", 1, round(duration * ticks_per_second)) for duration in seconds)
    table = struct.pack(">I4sII", 16 + len(entries), b"stts", 0, len(seconds)) + entries
    grown = bytearray(content[:start] + table + content[start + size :])
    for kind in _HOLD_OTHERS:  # `moov` is the last box that matters: no frame moves
        (place, old) = found[kind]
        grown[place : place + 4] = struct.pack(">I", old + len(table) - size)
    total = round(sum(seconds) * ticks_per_second)
    grown[header + 24 : header + 28] = struct.pack(">I", total)
    edits, _ = found[b"elst"]
    grown[edits + 16 : edits + 20] = struct.pack(">I", round(sum(seconds) * 1000))
    path.write_bytes(grown)
    return path


def _boxes(content: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    end = len(content) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        yield kind, start, size
        if kind in (*_HOLD_OTHERS, b"edts"):
            yield from _boxes(content, start + 8, start + size)
        start += size
