"""Thin and small things along the road: lamp posts, signs, fences, walls, bins, benches."""

from __future__ import annotations

import numpy as np

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.solids import blob, box, circle, cylinder

_STEEL = Surface("concrete", (0.6, 0.62, 0.62), 0.8)
_DARK = Surface("concrete", (0.13, 0.14, 0.13), 0.8)
_WOOD = Surface("wood", (0.72, 0.52, 0.34), 1.1)
_CONCRETE = Surface("concrete", (0.95, 0.93, 0.88), 2.2)
_SIGNS = (
    ("checks", (1.3, 0.1, 0.08)),
    ("checks", (0.1, 0.25, 1.2)),
    ("photo_text", (1.5, 1.4, 0.3)),
    ("photo_page", (1.4, 1.4, 1.4)),
)
POSTERS = ("photo_astronaut", "photo_cat", "photo_coffee", "photo_rocket", "photo_galaxies", "photo_colours")


def lamp_post(builder: MeshBuilder) -> None:
    """Eight metres high, with an arm towards the road (-y)."""
    cylinder(builder, 0.075, 7.6, _STEEL, top_radius=0.05, sides=7)
    box(builder, (-0.04, -1.8, 7.5), (0.04, 0.0, 7.58), _STEEL, floating=True)
    box(builder, (-0.12, -2.4, 7.46), (0.12, -1.7, 7.6), _DARK, floating=True)
    box(builder, (-0.12, -0.12, 0), (0.12, 0.12, 0.9), _DARK)


def sign(builder: MeshBuilder) -> None:
    """A post and a plate, facing along the road both ways."""
    rng = builder.rng
    cylinder(builder, 0.035, 2.7, _STEEL, sides=6)
    texture, tint = _SIGNS[rng.integers(len(_SIGNS))]
    plate = Surface(texture, (tint[0], tint[1], tint[2]), 0.6)
    ring = circle(float(rng.uniform(0.28, 0.36)), int(rng.choice([3, 4, 8, 16])))[:, [2, 0, 1]]
    for side in (1.0, -1.0):
        face = ring + [0.045 * side, 0.0, 2.35]
        fan = np.stack([np.tile(face.mean(axis=0), (len(face), 1)), face, np.roll(face, -1, axis=0)], axis=1)
        fan = fan if side > 0 else fan[:, [0, 2, 1]]
        builder.triangles(fan, fan[:, :, 1:] / plate.period, plate)


def picket_fence(builder: MeshBuilder, length: float) -> None:
    """Thin slats along x with gaps, one metre high."""
    rng = builder.rng
    wood = _WOOD if rng.uniform() < 0.6 else _DARK
    width = float(rng.uniform(0.05, 0.1))
    for x in np.arange(-length / 2, length / 2, 0.24):
        box(builder, (x, 0, 0.08), (x + width, 0.025, 1.0 + 0.05 * float(rng.uniform())), wood)
    for z in (0.3, 0.8):
        box(builder, (-length / 2, 0.025, z), (length / 2, 0.06, z + 0.08), wood, floating=True)
    for x in np.arange(-length / 2, length / 2 + 0.1, 2.4):
        box(builder, (x, 0.02, -0.5), (x + 0.1, 0.12, 1.15), wood)


def garden_wall(builder: MeshBuilder, length: float, height: float) -> None:
    """A wall along x; where it is plain it has no texture at all, and posters hang on parts of it."""
    rng = builder.rng
    kind = rng.integers(3)
    tint = float(rng.uniform(0.7, 1.0))
    wall = (
        Surface("plain", (tint, tint * 0.97, tint * 0.9), 3.0),
        _CONCRETE,
        Surface("brick", (0.7, 0.45, 0.36), 2.2),
    )[kind]
    box(builder, (-length / 2, 0, -0.6), (length / 2, 0.25, height), wall)
    box(builder, (-length / 2, -0.05, height), (length / 2, 0.3, height + 0.08), _CONCRETE, floating=True)
    for x in np.arange(-length / 2 + 1.0, length / 2 - 2.0, 3.5):
        if height > 1.5 and rng.uniform() < 0.4:
            poster = Surface(POSTERS[rng.integers(len(POSTERS))])
            size = float(rng.uniform(0.9, 1.4))
            corners = [
                (x, -0.01, 0.5),
                (x + size, -0.01, 0.5),
                (x + size, -0.01, 0.5 + size),
                (x, -0.01, 0.5 + size),
            ]
            builder.quad(corners, poster, fit=True)


def billboard(builder: MeshBuilder) -> None:
    """A large photograph on two legs, turned towards oncoming traffic by the caller."""
    poster = Surface(POSTERS[builder.rng.integers(len(POSTERS))])
    for x in (-1.4, 1.3):
        box(builder, (x, 0.02, -0.3), (x + 0.1, 0.12, 3.6), _STEEL)
    box(builder, (-1.8, 0.0, 1.2), (1.8, 0.08, 3.7), _DARK, floating=True)
    builder.quad([(-1.7, -0.012, 1.3), (1.7, -0.012, 1.3), (1.7, -0.012, 3.6), (-1.7, -0.012, 3.6)], poster, fit=True)


def small_thing(builder: MeshBuilder) -> None:
    """A bin, a bollard, a bench, a box of the telephone company, a stone, a table sign."""
    rng = builder.rng
    kind = rng.integers(6)
    if kind == 0:
        green = Surface("paint", (0.15, 0.3, 0.15), 0.7)
        box(builder, (-0.3, -0.35, 0.05), (0.3, 0.35, 1.05), green)
        box(builder, (-0.33, -0.38, 1.05), (0.33, 0.38, 1.12), _DARK, floating=True)
    elif kind == 1:
        cylinder(builder, 0.09, 0.95, Surface("checks", (0.9, 0.3, 0.25), 0.8), sides=10)
    elif kind == 2:
        for y in (-0.2, 0.0, 0.2):
            box(builder, (-0.9, y - 0.08, 0.42), (0.9, y + 0.08, 0.47), _WOOD, floating=True)
        box(builder, (-0.9, 0.3, 0.55), (0.9, 0.34, 0.9), _WOOD, floating=True)
        for x in (-0.7, 0.65):
            box(builder, (x, -0.25, 0), (x + 0.05, 0.32, 0.45), _DARK)
    elif kind == 3:
        box(builder, (-0.55, -0.2, 0), (0.55, 0.2, 1.25), Surface("plaster", (0.7, 0.72, 0.7), 0.9))
    elif kind == 4:
        blob(builder.at(z=0.25), (0.5, 0.4, 0.4), Surface("gravel", (0.8, 0.77, 0.7), 1.0), detail=2)
    else:
        poster = Surface("photo_page", (1.2, 1.2, 1.1))
        builder.quad([(0, -0.3, 0.1), (0, 0.3, 0.1), (0.1, 0.3, 1.1), (0.1, -0.3, 1.1)], poster, fit=True)
        builder.quad([(0.3, 0.3, 0.1), (0.3, -0.3, 0.1), (0.2, -0.3, 1.1), (0.2, 0.3, 1.1)], poster, fit=True)
