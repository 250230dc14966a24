"""Depth as colours, steady from frame to frame, beside the picture it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import matplotlib
import numpy as np
from PIL import Image, ImageDraw

#: Weight of the past in the range of a sequence's colours: half of a change is seen after seven frames.
STEADINESS = 0.9
FARTHEST_SHOWN_PERCENTILE = 95  # of inverse depth, as Monodepth2 shows it
LEGEND_HEIGHT = 20


@dataclass(frozen=True)
class ColourRange:
    """Inverse depths of the first (dark) and the last (bright) colour."""

    low: float
    high: float


def colour_range(depth: np.ndarray) -> ColourRange:
    """From the farthest to the 95th percentile of inverse depth; of [H, W] or any shape, invalid values left out."""
    valid = np.isfinite(depth) & (depth > 0)
    if not valid.any():
        return ColourRange(0.0, 1.0)
    inverse = 1.0 / depth[valid]
    return ColourRange(float(inverse.min()), float(np.percentile(inverse, FARTHEST_SHOWN_PERCENTILE)))


class SteadyRange:
    """The range of consecutive frames, which follows slowly so that a video does not flicker."""

    def __init__(self) -> None:
        self._range: ColourRange | None = None

    def next(self, depth: np.ndarray, *, is_cut: bool) -> ColourRange:
        """The range for this frame; a cut starts anew."""
        own, past = colour_range(depth), self._range
        if past is not None and not is_cut:
            own = ColourRange(*(STEADINESS * old + (1 - STEADINESS) * new for old, new in _pairs(past, own)))
        self._range = own
        return own


def _pairs(past: ColourRange, own: ColourRange) -> list[tuple[float, float]]:
    return [(past.low, own.low), (past.high, own.high)]


def paint_depth(depth: np.ndarray, colours: ColourRange) -> np.ndarray:
    """[H, W] -> [H, W, 3] uint8: near is bright (magma); 0 and non-finite values become black."""
    steps, valid = colour_steps(depth, colours)
    picture = magma().take(steps, axis=0)  # a quarter of the time of magma()[steps]
    picture[~valid] = 0
    return picture


def colour_steps(depth: np.ndarray, colours: ColourRange) -> tuple[np.ndarray, np.ndarray]:
    """[H, W] -> rows of `magma()` [H, W] uint8, and where they mean something [H, W] bool."""
    valid = np.isfinite(depth) & (depth > 0)
    inverse = np.zeros(depth.shape, dtype=np.float32)
    np.divide(1.0, depth, out=inverse, where=valid)
    share = (inverse - np.float32(colours.low)) * np.float32(1 / max(colours.high - colours.low, 1e-9))
    return (share.clip(0, 1) * 256).clip(0, 255).astype(np.uint8), valid


def side_by_side(image: np.ndarray, painted: np.ndarray, colours: ColourRange, unit: str) -> np.ndarray:
    """[H, W, 3] twice -> [H + 20, 2 W, 3] uint8: picture, coloured depth, and below what the colours mean."""
    pictures = np.concatenate([image, painted], axis=1)
    return np.concatenate([pictures, _legend(pictures.shape[1], colours, unit)])


def _legend(width: int, colours: ColourRange, unit: str) -> np.ndarray:
    """[20, width, 3]: dark to bright, with the depths at the ends and the unit."""
    near, far = (1 / max(value, 1e-9) for value in (colours.high, colours.low))
    strip = Image.new("RGB", (width, LEGEND_HEIGHT))
    bar = Image.fromarray(np.tile(magma()[None], (LEGEND_HEIGHT - 8, 1, 1)))
    strip.paste(bar.resize((max(width // 4, 1), LEGEND_HEIGHT - 8)), (width // 2, 4))
    draw = ImageDraw.Draw(strip)
    draw.text((width // 2 - 4, 4), f"far: {far:.3g}", anchor="ra")
    draw.text((width * 3 // 4 + 4, 4), f"near: {near:.3g}  {unit}")
    return np.asarray(strip)


@lru_cache(maxsize=1)
def magma() -> np.ndarray:
    """[256, 3] uint8: dark to bright."""
    return (matplotlib.colormaps["magma"](np.arange(256))[:, :3] * 255).astype(np.uint8)
