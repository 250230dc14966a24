"""Depth and error maps as coloured pictures, with the bars that say what the colours mean."""

from __future__ import annotations

import base64
import io

import matplotlib
import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from selfsup_depth.report.content import ColourBar, Picture

#: Wider pictures are shrunk: a page must not grow with the camera.
LARGEST_WIDTH = 640
DEPTH_COLOURS = "magma_r"  # near is bright
ERROR_COLOURS = "RdBu"  # red: seen too near, blue: too far
AMOUNT_COLOURS = "viridis"
WORST_ERROR = 0.5  # of the true depth: the ends of the colours
#: Values of the ticks, per power of ten: the first set that has three of them in the range.
ROUND = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), tuple(np.arange(1, 10, 0.2)), tuple(np.arange(1, 10, 0.05)))
_UNKNOWN = 128  # grey, which neither colormap has
_QUALITY = 82
#: Sparse maps (LiDAR) would vanish when pictures are shrunk: their points are painted this many pixels wide.
SPARSE, POINT = 0.4, 2.0


def depth_picture(title: str, depth: np.ndarray, near: float, far: float, unit: str) -> Picture:
    """Depth [H, W] from `near` to `far` on a logarithmic scale; unknown (0, not finite) is grey."""
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.log(depth / near) / np.log(far / near)
    known = np.isfinite(depth) & (depth > 0)
    return Picture(title, _coloured(place, known, DEPTH_COLOURS), depth_bar(near, far, unit))


def depth_bar(near: float, far: float, unit: str) -> ColourBar:
    """Round values between `near` and `far`, at their places on a logarithmic scale."""
    inside = [near, far]
    for digits in ROUND:
        found = [digit * 10.0**power for power in range(-4, 7) for digit in digits]
        inside = [value for value in found if near <= value <= far]
        if len(inside) >= 3:
            break
    ticks = tuple((float(np.log(value / near) / np.log(far / near)), f"{value:.3g}") for value in inside)
    return ColourBar(DEPTH_COLOURS, ticks, unit)


def depth_range(*depths: np.ndarray) -> tuple[float, float]:
    """From the 2nd to the 98th percentile of all known values, never empty."""
    known = [depth[np.isfinite(depth) & (depth > 0)] for depth in depths]
    ends = [np.percentile(values, (2, 98)) for values in known if values.size]
    if not ends:
        return 1.0, 2.0
    near, far = min(float(low) for low, _ in ends), max(float(high) for _, high in ends)
    return near, max(far, 1.05 * near)


def error_picture(title: str, prediction: np.ndarray, truth: np.ndarray) -> Picture:
    """(prediction - truth) / truth of maps [H, W]; where the truth is 0 or not finite it is grey."""
    known = np.isfinite(truth) & (truth > 0) & np.isfinite(prediction)
    error = np.zeros(truth.shape)
    np.divide(prediction - truth, truth, out=error, where=known)
    worst = f"{WORST_ERROR:.0%}"
    bar = ColourBar(ERROR_COLOURS, ((0.0, f"-{worst}"), (0.5, "0"), (1.0, f"+{worst}")), "too near - too far")
    return Picture(title, _coloured(error / (2 * WORST_ERROR) + 0.5, known, ERROR_COLOURS), bar)


def amount_picture(title: str, amounts: np.ndarray, known: np.ndarray, most: float, label: str) -> Picture:
    """Amounts [H, W] from 0 to `most`; grey where they are not known [H, W]."""
    ticks = tuple((at, f"{at * most:.2g}") for at in (0.0, 0.5, 1.0))
    return Picture(title, _coloured(amounts / most, known, AMOUNT_COLOURS), ColourBar(AMOUNT_COLOURS, ticks, label))


def mask_picture(title: str, image: np.ndarray, kept: np.ndarray) -> Picture:
    """An image [H, W, 3] uint8 that is dark where `kept` [H, W] is 0."""
    return Picture(title, np.where(kept[..., None] > 0.5, image, image // 6).astype(np.uint8))


def gradient(colormap: str) -> str:
    """The colormap from left to right, as CSS."""
    table = matplotlib.colormaps[colormap](np.linspace(0, 1, 9))
    return f"linear-gradient(to right, {', '.join(matplotlib.colors.to_hex(colour) for colour in table)})"


def data_uri(pixels: np.ndarray) -> str:
    """[H, W, 3] uint8 as a WebP file inside a link."""
    image = Image.fromarray(pixels)
    if image.width > LARGEST_WIDTH:
        size = (LARGEST_WIDTH, max(1, round(image.height * LARGEST_WIDTH / image.width)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    stream = io.BytesIO()
    image.save(stream, "webp", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _coloured(place: np.ndarray, known: np.ndarray, colormap: str) -> np.ndarray:
    clipped = np.clip(np.where(known, place, 0.0), 0.0, 1.0)
    picture = (matplotlib.colormaps[colormap](clipped)[..., :3] * 255).astype(np.uint8)
    picture[~known] = _UNKNOWN
    return _grown(picture, known) if known.any() and known.mean() < SPARSE else picture


def _grown(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    distance, nearest = distance_transform_edt(~known, return_indices=True)
    near = distance <= POINT
    grown = picture.copy()
    grown[near] = picture[nearest[0][near], nearest[1][near]]
    return grown
