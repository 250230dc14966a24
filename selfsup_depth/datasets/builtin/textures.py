"""Band-limited texture lookup: every texture is stored at all combinations of halved widths and heights.

A road seen at a grazing angle is squeezed far more along the view than across it. A pyramid with
independent levels per axis ("ripmap", Larson and Shah 1990) averages over just the box that a pixel
covers, so that distant ground neither aliases nor blurs sideways.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

#: Side of every texture in texels; a power of two, because wrapping is a bit mask.
SIZE = 512
LEVELS = SIZE.bit_length()
_CHUNK = 8192  # keeps the temporaries of a lookup inside the processor's cache

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]


class TextureBank:
    """All textures of a scene in one buffer, looked up together whatever their number."""

    def __init__(self, images: Mapping[str, NDArray[np.uint8]]) -> None:
        """`images`: name -> [512, 512, 3] uint8, gamma 2 encoded, wrapping at its borders."""
        self.ids = {name: i for i, name in enumerate(images)}
        widths = SIZE >> np.arange(LEVELS)
        texels = np.multiply.outer(widths, widths).ravel()  # [level_v * level_u]
        starts = np.concatenate([[0], np.cumsum(texels)])
        self._offsets = starts[:-1].astype(np.int32)
        self._stride = int(starts[-1])
        buffer = np.zeros((len(images) * self._stride, 4), np.uint8)
        for i, image in enumerate(images.values()):
            _store(buffer[i * self._stride : (i + 1) * self._stride], image, starts)
        self._texels = buffer.view(np.uint32).ravel()

    def sample(self, ids: IntArray, uv: FloatArray, widths: FloatArray) -> FloatArray:
        """Linear colours [N, 3] of textures `ids` [N] at `uv` [2, N], averaged over boxes `widths` [2, N].

        Both in repeats of the texture: 1.0 is its whole side.
        """
        out = np.empty((len(ids), 3), np.float32)
        for start in range(0, len(ids), _CHUNK):
            part = slice(start, start + _CHUNK)
            out[part] = self._sample_chunk(ids[part], uv[:, part], widths[:, part])
        return out

    def _sample_chunk(self, ids: IntArray, uv: FloatArray, widths: FloatArray) -> FloatArray:
        columns = _axis_taps(uv[0], widths[0])
        rows = _axis_taps(uv[1], widths[1])
        base = ids.astype(np.int64) * self._stride
        total = np.zeros((len(ids), 4), np.float32)
        for level_v, row, weight_v in rows:
            for level_u, column, weight_u in columns:
                start = base + self._offsets[level_v * LEVELS + level_u]
                index = start + row * (SIZE >> level_u) + column
                texels = self._texels.take(index, mode="wrap")  # all are in range: skips the check
                colour = texels.view(np.uint8).reshape(-1, 4)
                total += colour * (weight_v * weight_u)[:, None]
        encoded = total[:, :3] * np.float32(1.0 / 255.0)
        return encoded * encoded


def _store(target: NDArray[np.uint8], image: NDArray[np.uint8], starts: NDArray[np.int64]) -> None:
    level_v = image.astype(np.float32)
    for v in range(LEVELS):
        level = level_v
        for u in range(LEVELS):
            first, last = starts[v * LEVELS + u], starts[v * LEVELS + u + 1]
            target[first:last, :3] = np.rint(level).reshape(-1, 3)
            level = 0.5 * (level[:, 0::2] + level[:, 1::2]) if u + 1 < LEVELS else level
        level_v = 0.5 * (level_v[0::2] + level_v[1::2]) if v + 1 < LEVELS else level_v


def _axis_taps(coordinate: FloatArray, width: FloatArray) -> list[tuple[IntArray, IntArray, FloatArray]]:
    """The four (level, texel, weight) of one axis: two levels, two neighbouring texels in each."""
    lod = np.log2(np.maximum(width * np.float32(SIZE), np.float32(1.0)))
    lod = np.minimum(lod, np.float32(LEVELS - 1))
    fine = np.minimum(lod.astype(np.int32), LEVELS - 2)
    blend = lod - fine
    taps = []
    for level, weight in ((fine, 1.0 - blend), (fine + 1, blend)):
        texels = np.right_shift(SIZE, level)
        position = coordinate * texels.astype(np.float32) - np.float32(0.5)
        first = np.floor(position)
        fraction = position - first
        index = first.astype(np.int32)
        taps.append((level, index & (texels - 1), weight * (1.0 - fraction)))
        taps.append((level, (index + 1) & (texels - 1), weight * fraction))
    return taps
