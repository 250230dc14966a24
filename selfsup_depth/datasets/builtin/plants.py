"""Trees, bushes and hedges, at the origin of the builder's frame."""

from __future__ import annotations

import numpy as np

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.solids import blob, box, cards, cylinder

_BARK = Surface("bark", (0.42, 0.33, 0.26), 0.9)


def tree(builder: MeshBuilder, height: float, *, far: bool = False) -> None:
    """A trunk, and a crown of bumpy lumps with leaves standing out of them (fewer when `far`)."""
    rng = builder.rng
    trunk = height * rng.uniform(0.3, 0.42)
    radius = 0.022 * height + 0.03
    cylinder(builder, radius, trunk + 0.2 * height, _BARK, top_radius=0.6 * radius, sides=8)
    foliage = _foliage(rng)
    spread = height * rng.uniform(0.17, 0.25)
    for _ in range(int(rng.integers(3, 6))):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.75) * spread
        lump = builder.at(
            float(reach * np.cos(angle)),
            float(reach * np.sin(angle)),
            trunk + rng.uniform(0.12, 0.48) * height,
        )
        size = spread * rng.uniform(0.55, 0.9)
        _lump(lump, (size, size, 0.85 * size), foliage, leaves=25 if far else 60, detail=1 if far else 2)


def conifer(builder: MeshBuilder, height: float) -> None:
    """Stacked ragged cones."""
    cylinder(builder, 0.16, 0.3 * height, _BARK, sides=7)
    foliage = _foliage(builder.rng, dark=True)
    for level in range(5):
        base = (0.1 + 0.17 * level) * height
        radius = 0.2 * height * (1.0 - 0.17 * level)
        cylinder(builder.at(0, 0, base), radius, 0.26 * height, foliage, top_radius=0.12 * radius, sides=9)
        angle = builder.rng.uniform(0, 2 * np.pi, 36)
        fringe = np.stack(
            [radius * np.cos(angle), radius * np.sin(angle), base + builder.rng.uniform(-0.2, 0.3, 36)], 1
        )
        cards(builder, fringe, 0.16, foliage)


def bush(builder: MeshBuilder, size: float) -> None:
    _lump(builder.at(z=0.4 * size), (size, size, 0.7 * size), _foliage(builder.rng), leaves=40)


def hedge(builder: MeshBuilder, length: float, height: float) -> None:
    """A clipped hedge along x, 0.8 m deep, with leaves standing out."""
    rng, foliage = builder.rng, _foliage(builder.rng)
    box(builder, (-length / 2, 0.0, -0.5), (length / 2, 0.8, height), foliage)
    count = int(length * height * 14)
    front = np.stack(
        [rng.uniform(-length / 2, length / 2, count), np.zeros(count), rng.uniform(0.05, height, count)], 1
    )
    cards(builder, front, 0.075, foliage)
    top = np.stack([front[:, 0], rng.uniform(0, 0.8, count), np.full(count, height)], 1)[: count // 2]
    cards(builder, top, 0.075, foliage)


def _lump(
    builder: MeshBuilder, radii: tuple[float, float, float], foliage: Surface, leaves: int, detail: int = 2
) -> None:
    rng = builder.rng
    skin = blob(builder, radii, foliage, roughness=0.28, detail=detail)
    spots = skin[rng.integers(0, len(skin), leaves)] * rng.uniform(0.98, 1.1, (leaves, 1))
    cards(builder, spots, 0.07 + 0.05 * radii[0], foliage)


def _foliage(rng: np.random.Generator, dark: bool = False) -> Surface:
    green = np.array([0.42, 0.62, 0.2]) * rng.uniform(0.6, 1.15) * (0.6 if dark else 1.0)
    tint = green * rng.uniform(0.8, 1.25, 3)
    return Surface("leaves", (float(tint[0]), float(tint[1]), float(tint[2])), float(rng.uniform(1.6, 2.6)))
