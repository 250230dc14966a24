"""Furniture, at the origin of the builder's frame: x along the wall, y away from it into the room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.solids import blob, box, cards, cylinder

_METAL = Surface("concrete", (0.35, 0.36, 0.38), 0.4)
_WOODS = ((0.75, 0.52, 0.32), (0.42, 0.27, 0.17), (0.95, 0.8, 0.6), (0.85, 0.83, 0.8))
_PICTURES = (
    "photo_astronaut",
    "photo_cat",
    "photo_coffee",
    "photo_rocket",
    "photo_galaxies",
    "photo_retina",
    "photo_cells",
    "photo_colours",
    "photo_camera",
    "photo_coins",
    "photo_clock",
    "photo_moon",
    "photo_page",
)


def _wood(rng: np.random.Generator, period: float = 0.8) -> Surface:
    return Surface("wood", _WOODS[rng.integers(len(_WOODS))], period)


def _cloth(rng: np.random.Generator) -> Surface:
    colour = rng.uniform(0.25, 1.0, 3)
    texture = ("weave", "checks", "carpet")[rng.integers(3)]
    return Surface(texture, (float(colour[0]), float(colour[1]), float(colour[2])), float(rng.uniform(0.5, 1.0)))


def bookshelf(builder: MeshBuilder) -> None:
    """1.2 m wide, 1.9 m high, open in front; the books stand back from the boards."""
    wood, books = _wood(builder.rng), Surface("books", (0.9, 0.9, 0.9), 1.5)
    box(builder, (-0.6, 0, 0), (0.6, 0.03, 1.9), wood)
    for x in (-0.6, 0.56):
        box(builder, (x, 0, 0), (x + 0.04, 0.32, 1.9), wood)
    for z in (0.0, 0.4, 0.8, 1.2, 1.6, 1.87):
        box(builder, (-0.6, 0, z), (0.6, 0.32, z + 0.03), wood, floating=True)
    for z in (0.03, 0.43, 0.83, 1.23):
        reach = float(builder.rng.uniform(0.2, 0.56))
        top = z + float(builder.rng.uniform(0.24, 0.33))
        box(builder, (-0.56, 0.03, z), (reach, 0.24, top), books)


def cabinet(builder: MeshBuilder) -> None:
    """A chest of drawers with things on it."""
    rng = builder.rng
    wood = _wood(rng)
    height = float(rng.uniform(0.7, 1.1))
    box(builder, (-0.55, 0, 0), (0.55, 0.45, height), wood)
    for z in np.arange(0.08, height - 0.2, 0.25):
        box(builder, (-0.51, 0.45, z), (0.51, 0.465, z + 0.22), _wood(rng, 0.5), floating=True)
        box(builder, (-0.08, 0.465, z + 0.1), (0.08, 0.49, z + 0.12), _METAL, floating=True)
    for x in (-0.35, 0.05, 0.38):
        _trinket(builder.at(x, 0.22, height))


def sofa(builder: MeshBuilder) -> None:
    cloth, cushion = _cloth(builder.rng), _cloth(builder.rng)
    box(builder, (-0.95, 0.02, 0.1), (0.95, 0.9, 0.42), cloth, floating=True)
    box(builder, (-0.95, 0.02, 0.42), (0.95, 0.25, 0.85), cloth)
    for x in (-0.95, 0.77):
        box(builder, (x, 0.02, 0.42), (x + 0.18, 0.9, 0.62), cloth)
    for x in (-0.5, 0.4):
        blob(builder.at(x, 0.38, 0.62), (0.22, 0.12, 0.2), cushion, roughness=0.05)
    _legs(builder, 0.88, (0.1, 0.82), 0.1, 0.03)


def bed(builder: MeshBuilder) -> None:
    wood, sheet, pillow = _wood(builder.rng), _cloth(builder.rng), Surface("weave", (1.2, 1.2, 1.2), 0.5)
    box(builder, (-0.8, 0.02, 0), (0.8, 0.08, 1.0), wood)
    box(builder, (-0.8, 0.08, 0.12), (0.8, 2.0, 0.3), wood, floating=True)
    box(builder, (-0.76, 0.1, 0.3), (0.76, 1.98, 0.52), sheet)
    for x in (-0.38, 0.38):
        blob(builder.at(x, 0.4, 0.56), (0.3, 0.2, 0.1), pillow, roughness=0.06)


def desk(builder: MeshBuilder) -> None:
    """A desk on thin legs with a screen, a lamp and paper."""
    rng = builder.rng
    box(builder, (-0.7, 0.02, 0.71), (0.7, 0.7, 0.74), _wood(rng), floating=True)
    _legs(builder, 0.66, (0.06, 0.66), 0.71, 0.02)
    box(builder, (-0.3, 0.16, 0.83), (0.3, 0.2, 1.2), Surface("patch", (0.12, 0.12, 0.13), 0.6), floating=True)
    screen = Surface(_PICTURES[rng.integers(len(_PICTURES))], (1.3, 1.3, 1.3), gloss=0.15)
    builder.quad(
        [(0.28, 0.203, 0.85), (-0.28, 0.203, 0.85), (-0.28, 0.203, 1.18), (0.28, 0.203, 1.18)],
        screen,
        fit=True,
    )
    box(builder, (-0.03, 0.14, 0.74), (0.03, 0.17, 0.9), _METAL)
    page = Surface("photo_page", (1.4, 1.4, 1.4))
    builder.quad([(0.5, 0.3, 0.742), (0.2, 0.3, 0.742), (0.2, 0.6, 0.742), (0.5, 0.6, 0.742)][::-1], page, fit=True)
    _trinket(builder.at(-0.5, 0.35, 0.74))
    chair(builder.at(0.0, 0.95, 0, np.pi + float(rng.normal(0, 0.3))))


def table(builder: MeshBuilder) -> None:
    """A table with a cloth-less top on four thin legs, chairs around, things on it."""
    rng = builder.rng
    box(builder, (-0.6, -0.4, 0.72), (0.6, 0.4, 0.75), _wood(rng), floating=True)
    _legs(builder, 0.55, (-0.35, 0.35), 0.72, 0.022)
    for x, y, turn in ((-0.3, 0.62, np.pi), (0.35, 0.66, np.pi), (0.0, -0.62, 0.0)):
        chair(builder.at(x, y, 0, turn + float(rng.normal(0, 0.25))))
    for x in (-0.35, 0.0, 0.3):
        _trinket(builder.at(x, float(rng.uniform(-0.2, 0.2)), 0.75))


def chair(builder: MeshBuilder) -> None:
    """Legs and posts 3 cm thin; the back is at -y."""
    wood = _wood(builder.rng, 0.5)
    box(builder, (-0.21, -0.2, 0.43), (0.21, 0.22, 0.47), wood, floating=True)
    _legs(builder, 0.19, (-0.18, 0.2), 0.43, 0.016, wood)
    for x in (-0.2, -0.07, 0.06, 0.17):
        box(builder, (x, -0.2, 0.47), (x + 0.03, -0.175, 0.92), wood)
    box(builder, (-0.21, -0.205, 0.86), (0.21, -0.17, 0.95), wood, floating=True)


def floor_lamp(builder: MeshBuilder) -> None:
    cylinder(builder.at(0, 0.25), 0.15, 0.03, _METAL, sides=14)
    cylinder(builder.at(0, 0.25), 0.013, 1.35, _METAL, sides=6)
    cylinder(
        builder.at(0, 0.25, 1.32),
        0.2,
        0.28,
        Surface("folds", (1.5, 1.35, 1.0), 0.6),
        top_radius=0.12,
        sides=16,
    )


def pot_plant(builder: MeshBuilder) -> None:
    rng, at = builder.rng, builder.at(0, 0.35)
    cylinder(at, 0.15, 0.32, Surface("brick", (0.8, 0.42, 0.3), 0.9), top_radius=0.2, sides=14)
    green = Surface("leaves", (0.4, 0.7, 0.25), 0.5)
    blob(at.at(z=0.75), (0.24, 0.24, 0.38), green, roughness=0.4)
    spots = rng.normal(0, 1, (120, 3))
    spots *= rng.uniform(0.9, 1.25, (120, 1)) / np.linalg.norm(spots, axis=1, keepdims=True)
    cards(at, spots * [0.26, 0.26, 0.4] + [0, 0, 0.78], 0.05, green)


def toys(builder: MeshBuilder) -> None:
    """A ball, a box and a bin on the floor."""
    blob(builder.at(-0.35, 0.4, 0.19), (0.19, 0.19, 0.19), _cloth(builder.rng), roughness=0.0, detail=3)
    turned = builder.at(0.1, 0.35, 0, float(builder.rng.uniform(0, 1.5)))
    box(turned, (-0.2, -0.15, 0), (0.2, 0.15, 0.28), _cloth(builder.rng))
    cylinder(builder.at(0.5, 0.3), 0.13, 0.36, Surface("marble", (0.6, 0.7, 0.75), 0.5), top_radius=0.16, sides=18)


def picture(builder: MeshBuilder) -> None:
    """A framed photograph on the wall, its middle 1.6 m above the floor."""
    rng = builder.rng
    half, high = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.2, 0.38))
    box(
        builder,
        (-half - 0.04, 0, 1.56 - high),
        (half + 0.04, 0.03, 1.64 + high),
        _wood(rng, 0.3),
        floating=True,
    )
    surface = Surface(_PICTURES[rng.integers(len(_PICTURES))], (1.1, 1.1, 1.1))
    low, top = 1.6 - high, 1.6 + high
    builder.quad([(half, 0.032, low), (-half, 0.032, low), (-half, 0.032, top), (half, 0.032, top)], surface, fit=True)


def mirror(builder: MeshBuilder) -> None:
    """A tall mirror: depth is that of the glass, the picture that of what it shows."""
    box(builder, (-0.45, 0, 0.3), (0.45, 0.03, 1.95), _wood(builder.rng, 0.3), floating=True)
    glass = Surface("plain", (0.6, 0.65, 0.65), 1.0, mirror=0.85)
    builder.quad([(0.4, 0.032, 0.35), (-0.4, 0.032, 0.35), (-0.4, 0.032, 1.9), (0.4, 0.032, 1.9)], glass)


def _legs(
    builder: MeshBuilder,
    x: float,
    y: tuple[float, float],
    height: float,
    half: float,
    surface: Surface = _METAL,
) -> None:
    for side in (-x, x):
        for depth in y:
            box(builder, (side - half, depth - half, 0), (side + half, depth + half, height), surface)


def _trinket(builder: MeshBuilder) -> None:
    rng = builder.rng
    kind = rng.integers(4)
    if kind == 0:
        cylinder(builder, 0.05, 0.24, Surface("marble", (0.4, 0.6, 0.8), 0.3), top_radius=0.03, sides=14)
    elif kind == 1:
        blob(builder.at(z=0.08), (0.1, 0.1, 0.08), Surface("carpet", (0.9, 0.55, 0.2), 0.3), roughness=0.05)
    elif kind == 2:
        box(builder, (-0.12, -0.08, 0), (0.1, 0.08, 0.07), Surface("books", (1, 1, 1), 0.4))
    else:
        cylinder(builder, 0.045, 0.1, Surface("checks", (1.0, 0.95, 0.9), 0.15), sides=14)


#: What may stand along a wall, with the width it takes up.
ALONG_WALLS: tuple[tuple[Callable[[MeshBuilder], None], float], ...] = (
    (bookshelf, 1.3),
    (cabinet, 1.25),
    (sofa, 2.1),
    (bed, 1.8),
    (desk, 1.6),
    (pot_plant, 0.7),
    (floor_lamp, 0.55),
    (toys, 1.4),
)
