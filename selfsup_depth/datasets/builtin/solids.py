"""Boxes, prisms, cylinders, blobs and cards, added to a `MeshBuilder`. Local axes: z up, metres."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface

FloatArray = NDArray[np.float64]
Point = tuple[float, float, float]

_BOX_FACES = {  # corner numbers (x + 2 y + 4 z), bottom left first, seen from outside
    "front": (0, 1, 5, 4),  # towards -y
    "right": (1, 3, 7, 5),  # towards +x
    "back": (3, 2, 6, 7),
    "left": (2, 0, 4, 6),
    "top": (4, 5, 7, 6),
    "bottom": (2, 3, 1, 0),
}
_CORNERS = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], np.float64)
_STANDING = np.array([face for name, face in _BOX_FACES.items() if name != "bottom"])
_FLOATING = np.array(list(_BOX_FACES.values()))


def box(builder: MeshBuilder, low: Point, high: Point, surface: Surface, *, floating: bool = False) -> None:
    """An axis-aligned box from `low` to `high`; only a `floating` one has a bottom."""
    lower = np.array(low)
    corners = lower + _CORNERS * (np.array(high) - lower)
    builder.quads(corners[_FLOATING if floating else _STANDING], surface)


def panel(builder: MeshBuilder, corners: FloatArray, surface: Surface, step: float) -> None:
    """A flat face as in `MeshBuilder.quad`, cut into squares of about `step`: soft light can vary on it."""
    a, b, _, d = np.asarray(corners, np.float64)
    width, height = float(np.linalg.norm(b - a)), float(np.linalg.norm(d - a))
    u, v = (np.linspace(0.0, 1.0, max(2, round(size / step) + 1)) for size in (width, height))
    grid_u, grid_v = np.meshgrid(u, v)
    points = a + grid_u[..., None] * (b - a) + grid_v[..., None] * (d - a)
    uv = np.stack([grid_u * width, -grid_v * height], axis=-1) / surface.period + builder.rng.uniform(0, 1, 2)
    low, high = slice(None, -1), slice(1, None)
    ring = ((low, low), (low, high), (high, high), (high, low))
    order = [0, 1, 2, 0, 2, 3]
    face, face_uv = (
        np.stack([array[c] for c in ring], axis=2).reshape(-1, 4, array.shape[-1]) for array in (points, uv)
    )
    builder.triangles(face[:, order], face_uv[:, order], surface)


def frustum(builder: MeshBuilder, bottom: FloatArray, top: FloatArray, side: Surface, lid: Surface) -> None:
    """Walls between two rings [n, 3], anticlockwise seen from above, and the lid on the upper one."""
    builder.quads(np.stack([bottom, np.roll(bottom, -1, axis=0), np.roll(top, -1, axis=0), top], axis=1), side)
    centre = top.mean(axis=0)
    fan = np.stack([np.broadcast_to(centre, top.shape), top, np.roll(top, -1, axis=0)], axis=1)
    builder.triangles(fan, fan[:, :, :2] / lid.period, lid)


def cylinder(
    builder: MeshBuilder,
    radius: float,
    height: float,
    surface: Surface,
    *,
    top_radius: float | None = None,
    sides: int = 10,
) -> None:
    """A standing cylinder (or cone) on the origin."""
    ring = circle(1.0, sides)
    top_radius = radius if top_radius is None else top_radius
    bottom, top = ring * radius, ring * top_radius + [0.0, 0.0, height]
    # one texture around the whole cylinder, so that a seam shows only where it closes
    u = np.arange(sides + 1) * (2 * np.pi * radius / sides / surface.period) + builder.rng.uniform()
    v = np.full(sides, height / surface.period)
    wall = np.stack([bottom, np.roll(bottom, -1, axis=0), np.roll(top, -1, axis=0), top], axis=1)
    uv = np.stack([np.stack(c, 1) for c in ((u[:-1], v), (u[1:], v), (u[1:], 0 * v), (u[:-1], 0 * v))], axis=1)
    order = [0, 1, 2, 0, 2, 3]
    builder.triangles(wall[:, order], uv[:, order], surface)
    fan = np.stack([np.tile(top.mean(axis=0), (sides, 1)), top, np.roll(top, -1, axis=0)], axis=1)
    builder.triangles(fan, fan[:, :, :2] / surface.period, surface)


def circle(radius: float, sides: int, z: float = 0.0) -> FloatArray:
    """A ring of points [sides, 3], anticlockwise seen from above."""
    angle = np.arange(sides) * (2 * np.pi / sides)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(sides, z)], axis=1)


def blob(
    builder: MeshBuilder, radii: Point, surface: Surface, *, roughness: float = 0.15, detail: int = 2
) -> FloatArray:
    """A bumpy ellipsoid around the origin; returns its vertices [m, 3] (for things to grow on)."""
    vertices, faces = _icosphere(detail)
    waves = builder.rng.normal(0.0, 3.0, (5, 3))
    phases = builder.rng.uniform(0.0, 2 * np.pi, 5)
    bumps = np.sin(vertices @ waves.T + phases).mean(axis=1) * np.sqrt(2.0)
    points = vertices * (1.0 + roughness * bumps)[:, None] * radii
    corner = points[faces]  # [n, 3, 3]
    normal = np.abs(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]))
    axes = np.array([[1, 2], [0, 2], [0, 1]])[normal.argmax(axis=1)]  # look along the steepest axis
    uv = np.take_along_axis(corner, np.repeat(axes[:, None, :], 3, axis=1), axis=2)
    builder.triangles(corner, uv / surface.period + builder.rng.uniform(0, 1, 2), surface)
    return points


def cards(builder: MeshBuilder, centres: FloatArray, size: float, surface: Surface) -> None:
    """Small squares in all directions at `centres` [n, 3]: leaves, blades."""
    n, rng = len(centres), builder.rng
    along = rng.normal(size=(n, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.normal(size=(n, 3)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    scale = size * rng.uniform(0.6, 1.4, (n, 1))
    along, across = along * scale, across * scale
    corner = np.stack(
        [
            centres - along - across,
            centres + along - across,
            centres + along + across,
            centres - along + across,
        ],
        1,
    )
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]) * (2 * size / surface.period)
    uv = square + rng.uniform(0, 1, (n, 1, 2))
    order = [0, 1, 2, 0, 2, 3]
    builder.triangles(corner[:, order], uv[:, order], surface)


@cache
def _icosphere(detail: int) -> tuple[FloatArray, NDArray[np.int64]]:
    golden = (1 + 5**0.5) / 2
    vertices = [(-1, golden, 0), (1, golden, 0), (-1, -golden, 0), (1, -golden, 0)]
    points = np.array([np.roll(v, k) for k in range(3) for v in vertices], np.float64)
    faces = _hull_faces(points)
    for _ in range(detail):
        corner = points[faces]
        middle = 0.5 * (corner + np.roll(corner, -1, axis=1))
        a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
        ab, bc, ca = middle[:, 0], middle[:, 1], middle[:, 2]
        split = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
        points, index = np.unique(np.round(split.reshape(-1, 3), 9), axis=0, return_inverse=True)
        faces = index.reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1, keepdims=True), faces


def _hull_faces(points: FloatArray) -> NDArray[np.int64]:
    """The 20 faces of the icosahedron, anticlockwise from outside: triples at edge distance."""
    near = np.abs(np.linalg.norm(points[:, None] - points[None], axis=2) - 2.0) < 1e-6
    faces = []
    for i in range(12):
        for j in range(i + 1, 12):
            for k in range(j + 1, 12):
                if near[i, j] and near[j, k] and near[i, k]:
                    normal = np.cross(points[j] - points[i], points[k] - points[i])
                    faces.append((i, j, k) if normal @ points[i] > 0 else (i, k, j))
    return np.array(faces)
