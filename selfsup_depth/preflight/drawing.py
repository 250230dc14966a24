"""Evidence as pictures: [h, w, 3] uint8."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from selfsup_depth.datasets.images import BROKEN
from selfsup_depth.preflight.footage import Pair
from selfsup_depth.preflight.views import Picture

GREEN, RED, YELLOW = (80, 220, 90), (255, 70, 60), (255, 220, 60)
MOST_DRAWN = 70
BAR = 16  # pixels of a caption
SHOWN_WIDTH = 460


def as_array(picture: Picture | Tensor) -> np.ndarray:
    """[h, w, 3] uint8 of a picture, or of colour [3, h, w]."""
    colour = picture.colour if isinstance(picture, Picture) else picture
    return colour.permute(1, 2, 0).contiguous().numpy()


def named(role: str, picture: Picture) -> tuple[str, np.ndarray]:
    """A picture with what it is there and where it is found, for `strip`."""
    return f"{role}: {PurePath(picture.place).name}", as_array(picture)


def strip(shown: Sequence[tuple[str, np.ndarray]], across: int = 2) -> np.ndarray:
    """Pictures with captions, `across` of them in a row, all of one width."""
    tiles = [_captioned(caption, _of_width(array, SHOWN_WIDTH)) for caption, array in shown]
    rows: list[np.ndarray] = []
    for start in range(0, len(tiles), across):
        row = tiles[start : start + across]
        height = max(tile.shape[0] for tile in row)
        padded = [np.pad(tile, ((0, height - tile.shape[0]), (0, 6), (0, 0)), constant_values=255) for tile in row]
        padded += [np.full_like(padded[0], 255)] * (across - len(row) if rows else 0)
        rows.append(np.concatenate(padded, axis=1))
    return np.concatenate(rows, axis=0)


def stored_pictures(paths: Sequence[str]) -> np.ndarray | None:
    """Files that no reader takes, as far as they can be shown: the first frame, 16 bits scaled to 8."""
    shown = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                picture.draft("RGB", (2 * SHOWN_WIDTH, 2 * SHOWN_WIDTH))
                shown.append((PurePath(path).name, _in_eight_bits(picture)))
        except BROKEN:
            continue
    return strip(shown) if shown else None


def _in_eight_bits(picture: Image.Image) -> np.ndarray:
    if not picture.mode.startswith(("I", "F")):
        return np.asarray(picture.convert("RGB"))
    values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
    low, high = float(values.min()), float(values.max())
    grey = ((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def draw_matches(pair: Pair, wrong: Tensor, captions: tuple[str, str]) -> np.ndarray:
    """First above second, matched points joined by lines: `wrong` [M] of the valid matches in red, others in green."""
    first, second = as_array(pair.first), as_array(pair.second)
    canvas = Image.new("RGB", (max(first.shape[1], second.shape[1]), first.shape[0] + second.shape[0] + 4), "white")
    canvas.paste(Image.fromarray(first), (0, 0))
    canvas.paste(Image.fromarray(second), (0, first.shape[0] + 4))
    draw = ImageDraw.Draw(canvas)
    start, end = pair.matches.points[pair.matches.valid], pair.matches.found[pair.matches.valid]
    for i in _some(len(start)):
        (x, y), (u, v) = start[i].tolist(), end[i].tolist()
        v += first.shape[0] + 4
        colour = RED if bool(wrong[i]) else GREEN
        draw.line((x, y, u, v), fill=colour)
        for a, b in ((x, y), (u, v)):
            draw.ellipse((a - 2, b - 2, a + 2, b + 2), outline=colour)
    return _captioned(f"above: {captions[0]}; below: {captions[1]}", np.asarray(canvas))


def draw_arrows(
    picture: Picture, start: Tensor, arrows: Tensor, caption: str, *, wrong: Tensor | None = None, longer: float = 1.0
) -> np.ndarray:
    """Displacements [M, 2] at points [M, 2] of a picture, drawn `longer` times as long as they are."""
    canvas = Image.fromarray(as_array(picture))
    draw = ImageDraw.Draw(canvas)
    for i in _some(len(start)):
        x, y = start[i].tolist()
        dx, dy = (longer * arrows[i]).tolist()
        colour = RED if wrong is not None and bool(wrong[i]) else YELLOW
        draw.line((x, y, x + dx, y + dy), fill=colour)
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    return _captioned(caption, np.asarray(canvas))


def draw_camera(picture: Picture, centre: tuple[float, float]) -> np.ndarray:
    """A principal point in pixels of the stored image, on it: red, and held inside; the middle in green."""
    canvas = Image.fromarray(as_array(picture))
    draw = ImageDraw.Draw(canvas)
    scale = picture.width / picture.stored_size[0], picture.height / picture.stored_size[1]
    said = tuple(
        min(max(value * factor if np.isfinite(value) else 0.0, 0.0), side - 1.0)
        for value, factor, side in zip(centre, scale, (picture.width, picture.height), strict=True)
    )
    for (x, y), colour in (((picture.width / 2, picture.height / 2), GREEN), (said, RED)):
        draw.line((x - 9, y, x + 9, y), fill=colour, width=2)
        draw.line((x, y - 9, x, y + 9), fill=colour, width=2)
    return _captioned("red: principal point as given (at the border: outside); green: the middle", np.asarray(canvas))


def draw_depth(depth: np.ndarray, width: int, height: int) -> np.ndarray:
    """A depth map [h, w] at another size, near is bright, unknown is black; scattered points are made visible."""
    known = np.isfinite(depth) & (depth > 0)
    inverse = np.where(known, 1.0 / np.maximum(depth, 1e-6), 0.0)
    inverse = _largest_of_each_cell(inverse, width, height)
    top = np.percentile(inverse[inverse > 0], 98) if (inverse > 0).any() else 1.0
    coloured = matplotlib.colormaps["magma"](np.clip(0.1 + 0.9 * inverse / top, 0, 1))[..., :3]
    return np.where((inverse > 0)[..., None], coloured * 255, 0).astype(np.uint8)


def overlay(picture: Picture, marked: np.ndarray) -> np.ndarray:
    """A picture in grey with [h, w] bool in red."""
    grey = np.repeat((picture.grey.numpy() * 200).astype(np.uint8)[..., None], 3, axis=2)
    grey[marked] = RED
    return grey


def _largest_of_each_cell(values: np.ndarray, width: int, height: int) -> np.ndarray:
    return torch.nn.functional.adaptive_max_pool2d(torch.from_numpy(values)[None], (height, width))[0].numpy()


def _some(count: int) -> list[int]:
    """At most MOST_DRAWN numbers below `count`, evenly."""
    return np.linspace(0, count - 1, min(count, MOST_DRAWN)).astype(int).tolist() if count else []


def _of_width(array: np.ndarray, width: int) -> np.ndarray:
    if array.shape[1] == width:
        return array
    height = max(1, round(array.shape[0] * width / array.shape[1]))
    return np.asarray(Image.fromarray(array).resize((width, height)))


def _captioned(caption: str, array: np.ndarray) -> np.ndarray:
    bar = Image.new("RGB", (array.shape[1], BAR), "white")
    # the font of an installation without FreeType knows Latin letters only
    ImageDraw.Draw(bar).text((2, 2), caption.encode("ascii", "replace").decode(), fill=(30, 30, 30))
    return np.concatenate([np.asarray(bar), array], axis=0)
