"""Buildings: facades with windows, doors, balconies; roofs. Local x along the facade, y into the house."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.solids import box

_FRAME = Surface("paint", (1.3, 1.3, 1.25), 1.0)
_STONE = Surface("concrete", (0.8, 0.77, 0.7), 1.5)
_METAL = Surface("paint", (0.2, 0.21, 0.22), 1.0)
_POSTERS = (
    "photo_astronaut",
    "photo_cat",
    "photo_coffee",
    "photo_rocket",
    "photo_page",
    "photo_colours",
    "photo_text",
)
_WALL_TINTS = (
    (1.0, 0.93, 0.78),
    (0.95, 0.95, 0.92),
    (1.0, 0.8, 0.6),
    (0.72, 0.78, 0.8),
    (0.9, 0.75, 0.68),
    (0.8, 0.85, 0.68),
)
_BRICK_TINTS = ((0.85, 0.45, 0.33), (0.75, 0.58, 0.42), (0.62, 0.4, 0.36))
_ROOF_TINTS = ((0.62, 0.28, 0.2), (0.4, 0.22, 0.18), (0.3, 0.3, 0.32))


@dataclass(frozen=True)
class _Style:
    wall: Surface
    roof: Surface
    window: tuple[float, float]  # width, height
    spacing: float
    glass: float  # gloss of the panes
    far: bool


def wall_surface(rng: np.random.Generator) -> Surface:
    """Brick, plaster, or (seldom) a wall without any texture."""
    kind = rng.uniform()
    if kind < 0.38:
        return Surface("brick", _BRICK_TINTS[rng.integers(len(_BRICK_TINTS))], float(rng.uniform(1.8, 2.8)))
    tint = _WALL_TINTS[rng.integers(len(_WALL_TINTS))]
    if kind < 0.88:
        return Surface("plaster", tint, float(rng.uniform(3.0, 5.0)))
    return Surface("plain", tint, 4.0)


def building(
    builder: MeshBuilder,
    width: float,
    depth: float,
    floors: int,
    *,
    gable: bool,
    shop: bool = False,
    far: bool = False,
) -> None:
    """A house with its front at y = 0, x from -width / 2 to width / 2, 1 m deep in the ground.

    It is plainer when `far`.
    """
    rng = builder.rng
    roof = Surface("roof", _ROOF_TINTS[rng.integers(len(_ROOF_TINTS))], 3.2)
    style = _Style(
        wall_surface(rng),
        roof,
        (rng.uniform(0.9, 1.4), rng.uniform(1.3, 1.8)),
        rng.uniform(2.1, 3.0),
        rng.uniform(0.3, 0.9),
        far,
    )
    height = 3.1 * floors + 0.5
    half = width / 2
    box(builder, (-half, 0, -1), (half, depth, height), style.wall)
    box(builder, (-half - 0.03, -0.06, -1), (half + 0.03, 0.4, 0.55), _STONE)
    _front(builder, width, floors, style, shop)
    for turned in (builder.at(half, depth / 2, 0, np.pi / 2), builder.at(-half, depth / 2, 0, -np.pi / 2)):
        _windows(turned, depth, floors, style, first=0, skip=0.45)
    if gable:
        _gable_roof(builder, half, depth, height, style)
    else:
        box(builder, (-half - 0.25, -0.35, height), (half + 0.25, depth, height + 0.35), _STONE, floating=True)
        box(builder, (-half * 0.4, 2, height), (-half * 0.4 + 0.8, 2.8, height + 1.5), style.wall)


def _front(builder: MeshBuilder, width: float, floors: int, style: _Style, shop: bool) -> None:
    rng = builder.rng
    half = width / 2
    if shop:
        _shop(builder, width, style)
    else:
        door = float(rng.uniform(-0.6, 0.6)) * (half - 1)
        _door(builder.at(door), style)
    _windows(builder, width, floors, style, first=1 if shop else 0, skip=0.08)
    for level in range(1, floors):
        if rng.uniform() < 0.3:
            box(builder, (-half, -0.1, 3.1 * level + 0.25), (half, 0.0, 3.1 * level + 0.45), _STONE)
        if rng.uniform() < 0.3:
            _balcony(builder.at(float(rng.uniform(-0.5, 0.5)) * half, 0, 3.1 * level + 0.5))


def _windows(builder: MeshBuilder, width: float, floors: int, style: _Style, *, first: int, skip: float) -> None:
    rng = builder.rng
    count = int((width - 1.0) / style.spacing)
    for level in range(first, floors):
        for column in range(count):
            if rng.uniform() >= skip:
                x = (column - (count - 1) / 2) * style.spacing
                _window(builder.at(x, 0, 3.1 * level + 1.45), style)


def _window(builder: MeshBuilder, style: _Style) -> None:
    """Frame, sill, and a pane that shows a curtain or the dark, and the sky."""
    rng = builder.rng
    w, h = style.window[0] / 2, style.window[1]
    grey = float(rng.uniform(0.15, 1.0))
    texture = "folds" if rng.uniform() < 0.55 else "glass"
    pane = Surface(texture, (grey, grey, grey * 1.05), 1.3, gloss=style.glass)
    builder.quad([(-w, -0.015, 0), (w, -0.015, 0), (w, -0.015, h), (-w, -0.015, h)], pane)
    if style.far:
        box(builder, (-w - 0.1, -0.01, -0.1), (w + 0.1, 0, h + 0.1), _FRAME)
        return
    bars = [(-w - 0.06, -w), (w, w + 0.06), (-0.025, 0.025)]
    for low, high in bars:
        box(builder, (low, -0.07, 0), (high, 0, h), _FRAME)
    box(builder, (-w - 0.06, -0.07, h), (w + 0.06, 0, h + 0.07), _FRAME)
    box(builder, (-w - 0.14, -0.16, -0.08), (w + 0.14, 0, 0), _STONE)
    if rng.uniform() < 0.2:
        box(builder, (-w, -0.06, h * 0.5), (w, 0, h), Surface("roof", (0.8, 0.8, 0.78), 0.8))


def _door(builder: MeshBuilder, style: _Style) -> None:
    colour = builder.rng.uniform(0.15, 0.8, 3)
    leaf = Surface("wood", (float(colour[0]), float(colour[1]), float(colour[2])), 1.2)
    box(builder, (-0.55, -0.04, 0), (0.55, 0, 2.2), leaf)
    box(builder, (-0.7, -0.12, 0), (-0.55, 0, 2.35), _STONE)
    box(builder, (0.55, -0.12, 0), (0.7, 0, 2.35), _STONE)
    box(builder, (-0.9, -0.6, 2.4), (0.9, 0, 2.52), _STONE, floating=True)
    box(builder, (-0.9, -0.7, -0.5), (0.9, 0, 0.17), _STONE)


def _shop(builder: MeshBuilder, width: float, style: _Style) -> None:
    """Large panes with posters behind them, a sign and an awning above."""
    rng = builder.rng
    half = width / 2
    for x in np.arange(-half + 0.4, half - 2.2, 2.5):
        poster = _POSTERS[rng.integers(len(_POSTERS))]
        pane = Surface(poster if rng.uniform() < 0.6 else "glass", (0.8, 0.8, 0.8), 2.2, gloss=0.5)
        builder.quad([(x, -0.02, 0.6), (x + 2.2, -0.02, 0.6), (x + 2.2, -0.02, 2.7), (x, -0.02, 2.7)], pane, fit=True)
        box(builder, (x + 2.2, -0.1, 0), (x + 2.4, 0, 2.9), style.wall)
    colour = tuple(float(c) for c in rng.uniform(0.2, 1.0, 3))
    sign = Surface("photo_text", (colour[0], colour[1], colour[2]), 1.4)
    box(builder, (-half + 0.3, -0.12, 2.85), (half - 0.3, 0, 3.4), sign)
    if rng.uniform() < 0.6:
        stripes = Surface("folds", (colour[1], colour[2], colour[0]), 1.0)
        x0, x1 = -half + 0.4, half - 0.4
        builder.quad([(x0, -1.2, 2.35), (x1, -1.2, 2.35), (x1, -0.02, 2.85), (x0, -0.02, 2.85)], stripes)


def _balcony(builder: MeshBuilder) -> None:
    box(builder, (-1.3, -1.1, -0.15), (1.3, 0, 0), _STONE, floating=True)
    for x in np.linspace(-1.28, 1.24, 12):
        box(builder, (x, -1.1, 0), (x + 0.04, -1.06, 0.95), _METAL)
    box(builder, (-1.3, -1.12, 0.95), (1.3, -1.04, 1.02), _METAL, floating=True)


def _gable_roof(builder: MeshBuilder, half: float, depth: float, height: float, style: _Style) -> None:
    """A ridge along x, overhanging, with gables in the wall's material."""
    ridge = height + depth * 0.42
    over, low = 0.5, height - 0.22
    builder.quad(
        [
            (-half - over, -over, low),
            (half + over, -over, low),
            (half + over, depth / 2, ridge),
            (-half - over, depth / 2, ridge),
        ],
        style.roof,
    )
    builder.quad(
        [
            (half + over, depth + over, low),
            (-half - over, depth + over, low),
            (-half - over, depth / 2, ridge),
            (half + over, depth / 2, ridge),
        ],
        style.roof,
    )
    for x, order in ((half, [0, 1, 2]), (-half, [1, 0, 2])):
        corner = np.array([(x, 0, height), (x, depth, height), (x, depth / 2, ridge)])[order]
        builder.triangles(corner[None], corner[None, :, 1:] / style.wall.period, style.wall)
    at = builder.at(float(builder.rng.uniform(-0.6, 0.6)) * half, depth * 0.35, height)
    box(at, (0, 0, 0), (0.7, 0.7, ridge - height + 0.6), Surface("brick", _BRICK_TINTS[0], 1.6))
