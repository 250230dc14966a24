"""Textures by rule: tileable noise, paving, planks, ... each [512, 512, 3] uint8, from a generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.photographs import photograph
from selfsup_depth.datasets.builtin.textures import SIZE, TextureBank

Grey = NDArray[np.float64]
Rng = np.random.Generator


def fractal(rng: Rng, slope: float = 1.0, stretch: float = 1.0) -> Grey:
    """Tileable noise [512, 512], zero mean, unit deviation, amplitude 1 / frequency ** slope.

    `stretch` > 1 draws its features out along the rows' axis (down the texture).
    """
    frequency = np.fft.fftfreq(SIZE, 1.0 / SIZE)
    radius = np.hypot(frequency[:, None] * stretch, frequency[None, :])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE))) / radius**slope
    noise = np.fft.ifft2(spectrum).real
    return noise / noise.std()


def asphalt(rng: Rng) -> Grey:
    stones = _standard(photograph("gravel").mean(axis=2))
    tracks = fractal(rng, 0.8, stretch=24.0)
    cracks = np.exp(-((fractal(rng, 1.6) / 0.018) ** 2)) * (fractal(rng, 1.5) > 0.3)
    return 0.46 + 0.06 * stones + 0.032 * fractal(rng, 0.8) + 0.04 * tracks - 0.22 * cracks


def slabs(rng: Rng, rows: int = 8, columns: int = 8, joint: int = 3, contrast: float = 0.08) -> Grey:
    """Rectangles of different brightness with dark joints, every other row shifted by a half."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    row = y * rows // SIZE
    shifted = (x + (row % 2) * (SIZE // columns // 2)) % SIZE
    column = shifted * columns // SIZE
    tone = rng.standard_normal((rows, columns))[row, column]
    in_joint = (y % (SIZE // rows) < joint) | (shifted % (SIZE // columns) < joint)
    value = 0.55 + contrast * tone + 0.05 * fractal(rng, 0.9)
    return np.where(in_joint, 0.55 * value, value)


def planks(rng: Rng, count: int = 8) -> Grey:
    """Boards that run down the texture, with grain."""
    x = np.mgrid[0:SIZE, 0:SIZE][1]
    board = x * count // SIZE
    tone = rng.standard_normal(count)[board]
    gap = x % (SIZE // count) < 3
    value = 0.5 + 0.07 * tone + 0.08 * fractal(rng, 0.9, stretch=14.0)
    return np.where(gap, 0.4 * value, value)


def leaves(rng: Rng) -> Grey:
    coarse, fine = fractal(rng, 1.1), fractal(rng, 0.5)
    return 0.42 + 0.13 * np.tanh(1.2 * coarse) + 0.12 * np.tanh(fine)


def folds(rng: Rng) -> Grey:
    """A curtain: soft vertical waves, darker towards the top."""
    x = np.arange(SIZE) * (2 * np.pi / SIZE)
    wave = sum(rng.uniform(0.3, 1.0) * np.sin(k * x + rng.uniform(0, 6.3)) for k in (3, 7, 12, 19))
    return 0.5 + 0.1 * np.tile(wave, (SIZE, 1)) + 0.03 * fractal(rng, 1.0)


def books(rng: Rng) -> NDArray[np.float64]:
    """Shelf rows of coloured spines [512, 512, 3]."""
    image = np.full((SIZE, SIZE, 3), 0.16)
    for shelf in range(4):
        x, bottom = 0, (shelf + 1) * 128 - 8
        while x < SIZE:
            width = int(rng.integers(9, 26))
            top = bottom - int(rng.integers(70, 114))
            colour = rng.uniform(0.15, 0.95, 3)
            image[top:bottom, x : x + width - 1] = colour
            image[top + 12 : top + 18, x : x + width - 1] = 1.0 - colour
            x += width
    return image + 0.02 * fractal(rng, 0.7)[:, :, None]


def checks(rng: Rng, count: int = 16) -> Grey:
    y, x = np.mgrid[0:SIZE, 0:SIZE] * count // SIZE
    tone = rng.standard_normal((count, count))[y, x]
    return 0.5 + 0.16 * (((x + y) % 2) - 0.5) + 0.05 * tone + 0.04 * fractal(rng, 0.8)


def _standard(grey: Grey) -> Grey:
    return (grey - grey.mean()) / grey.std()


def _photo_grey(name: str, level: float, contrast: float) -> Callable[[Rng], Grey]:
    return lambda rng: level + contrast * _standard(photograph(name).mean(axis=2)) + 0.4 * contrast * fractal(rng, 1.2)


#: Greys are tinted by the surface that wears them.
PATTERNS: dict[str, Callable[[Rng], NDArray[np.float64]]] = {
    "asphalt": asphalt,
    "patch": lambda rng: 0.4 + 0.05 * fractal(rng, 0.6) + 0.04 * fractal(rng, 1.5),
    "paving": slabs,
    "tiles": lambda rng: slabs(rng, 12, 12, 4, 0.03),
    "roof": lambda rng: slabs(rng, 16, 20, 6, 0.09),
    "brick": _photo_grey("brick", 0.5, 0.15),
    "grass": _photo_grey("grass", 0.45, 0.14),
    "gravel": _photo_grey("gravel", 0.5, 0.12),
    "leaves": leaves,
    "bark": lambda rng: 0.4 + 0.12 * fractal(rng, 0.9, stretch=10.0),
    "plaster": lambda rng: 0.62 + 0.035 * fractal(rng, 1.1) + 0.02 * fractal(rng, 0.8, stretch=8.0),
    "concrete": lambda rng: 0.5 + 0.05 * fractal(rng, 1.2) + 0.04 * fractal(rng, 0.4),
    "plain": lambda rng: np.full((SIZE, SIZE), 0.6),
    "wood": planks,
    "folds": folds,
    "glass": lambda rng: 0.25 + 0.1 * fractal(rng, 1.8),
    "marking": lambda rng: 0.85 - 0.13 * (fractal(rng, 0.7) > 1.0) + 0.03 * fractal(rng, 0.6),
    "paint": lambda rng: 0.6 + 0.02 * fractal(rng, 1.0),
    "clouds": lambda rng: 0.5 + 0.22 * fractal(rng, 1.45),
    "weave": lambda rng: 0.5 + 0.09 * fractal(rng, 0.3) + 0.08 * fractal(rng, 1.2),
    "carpet": lambda rng: 0.5 + 0.1 * np.sign(np.sin(6 * fractal(rng, 1.9))) + 0.05 * fractal(rng, 0.4),
    "marble": lambda rng: 0.6 + 0.14 * np.sin(4 * fractal(rng, 1.7)) + 0.02 * fractal(rng, 0.6),
    "checks": checks,
    "books": books,
}


def texture_bank(names: Iterable[str], seed: int) -> TextureBank:
    """The named textures (patterns above, or photographs), the patterns drawn from `seed`."""
    return TextureBank({name: texture_image(name, seed) for name in names})


def texture_image(name: str, seed: int) -> NDArray[np.uint8]:
    """One texture [512, 512, 3]."""
    if name in PATTERNS:
        # crc32: a generator of its own for each name, the same in every process
        value = PATTERNS[name](np.random.default_rng([seed, crc32(name.encode())]))
    else:
        value = photograph(name)
    if value.ndim == 2:
        value = np.repeat(value[:, :, None], 3, axis=2)
    return np.rint(np.clip(value, 0.0, 1.0) * 255.0).astype(np.uint8)
