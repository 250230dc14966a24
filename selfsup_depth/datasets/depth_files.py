"""Depth maps in metres as numpy arrays and as PFM: float32 [h, w], 0 where nothing is known."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from selfsup_depth.errors import UserError

#: kind, width, height, scale: separated by white space, of which exactly one ends the header
PFM_HEADER = re.compile(rb"(P[fF])\s+(\d+)\s+(\d+)\s+([-+.\deE]+)(?:\r\n|\s)")
LONGEST_PFM_HEADER = 256


def read_depth_npy(path: str) -> np.ndarray:
    """Raises UserError when the file cannot be read or holds anything but one map."""
    try:
        values = np.load(path)
        depth = np.asarray(values, dtype=np.float32).squeeze()
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise UserError(f"{path} cannot be read as a depth map ({error}): replace the file.") from error
    return _one_map(depth, path)


def read_depth_pfm(path: str) -> np.ndarray:
    """Raises UserError when the file cannot be read or holds anything but one map."""
    values = read_pfm(path)
    if values.ndim == 3 and np.array_equal(values, np.broadcast_to(values[..., :1], values.shape), equal_nan=True):
        values = values[..., 0]  # grey, written as colour
    return _one_map(values, path)


def read_pfm(path: str) -> np.ndarray:
    """Values of a portable float map, float32 [h, w] (`Pf`) or [h, w, 3] (`PF`), top row first.

    A negative scale means little endian; its magnitude has no agreed meaning and is not applied.
    Raises UserError when the file is missing, truncated or no PFM.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read as a depth map ({error}): replace the file.") from error
    header = PFM_HEADER.match(content[:LONGEST_PFM_HEADER])
    if header is None:
        raise UserError(
            f"{path} is not a PFM file: expected 'Pf', width, height and scale, found {content[:16]!r}; "
            "replace the file."
        )
    width, height, channels = int(header[2]), int(header[3]), 3 if header[1] == b"PF" else 1
    pixels = content[header.end() :]
    if len(pixels) != 4 * width * height * channels:
        raise UserError(
            f"{path} holds {len(pixels)} bytes of pixels where {width}x{height} needs {4 * width * height * channels}: "
            "the file is truncated or damaged; replace it."
        )
    order = "<" if header[4].startswith(b"-") else ">"
    values = np.frombuffer(pixels, dtype=f"{order}f4").astype(np.float32)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return values.reshape(shape)[::-1].copy()


def _one_map(depth: np.ndarray, path: str) -> np.ndarray:
    if depth.ndim != 2:
        raise UserError(f"{path} has shape {depth.shape} where one depth map [h, w] was expected: replace the file.")
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))
