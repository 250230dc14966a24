"""The course of the built-in road, and its ground. World axes: x ahead at the start, y left, z up."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface, frame

FloatArray = NDArray[np.float64]

LANE = 1.8  # metres from the middle of the road to the middle of a lane
BAY = 4.4  # half width of the carriageway: beside it lie the parking bays
KERB = 6.4  # half width of road and parking bays
YARD = 8.6  # from here on stand houses, hedges, trees
EDGE = 46.0  # end of the modelled strip

ASPHALT = Surface("asphalt", (0.62, 0.62, 0.65), 7.0)
BAY_PAVING = Surface("paving", (0.55, 0.53, 0.52), 2.6)
KERBSTONE = Surface("concrete", (1.1, 1.08, 1.02), 1.7)
PAVEMENT = Surface("paving", (0.85, 0.82, 0.78), 3.3)
MARKING = Surface("marking", (0.95, 0.95, 0.92), 1.9)
PATCH = Surface("patch", (0.6, 0.6, 0.64), 2.3)
TAR = Surface("patch", (0.18, 0.18, 0.2), 1.1)
PUDDLE = Surface("patch", (0.28, 0.28, 0.3), 1.5, mirror=0.35)
IRON = Surface("checks", (0.25, 0.24, 0.23), 0.7)
FIELD = Surface("grass", (0.45, 0.6, 0.25), 9.0)


class Road:
    """A gently winding, gently rolling line; `s` is metres along it, `d` metres to the left of it."""

    def __init__(self, rng: np.random.Generator, start: float, end: float) -> None:
        self.start, self.end = start, end
        self._s = np.arange(start - 5.0, end + 5.0, 0.25)
        bends = zip((0.24, 0.1), (41.0, 19.0), rng.uniform(0, 2 * np.pi, 2), strict=True)
        self._heading = sum(a * np.sin(self._s / length + p) for a, length, p in bends)
        hills = zip((0.55, 0.2), (31.0, 12.0), rng.uniform(0, 2 * np.pi, 2), strict=True)
        self._z = sum(a * np.sin(self._s / length + p) for a, length, p in hills)
        self._x = np.cumsum(np.cos(self._heading)) * 0.25
        self._y = np.cumsum(np.sin(self._heading)) * 0.25

    def heading(self, s: float) -> float:
        return float(np.interp(s, self._s, self._heading))

    def points(self, s: ArrayLike, d: ArrayLike, z: ArrayLike = 0.0) -> FloatArray:
        """World points [..., 3] at height z above the road."""
        s, d = np.asarray(s, np.float64), np.asarray(d, np.float64)
        angle = np.interp(s, self._s, self._heading)
        x = np.interp(s, self._s, self._x) - d * np.sin(angle)
        y = np.interp(s, self._s, self._y) + d * np.cos(angle)
        # the ground mesh has a vertex at every whole metre: between them its height is linear
        low = np.floor(s)
        below, above = np.interp(low, self._s, self._z), np.interp(low + 1.0, self._s, self._z)
        return np.stack([x, y, below + (above - below) * (s - low) + z], axis=-1)

    def frame(self, s: float, d: float, z: float = 0.0, turn: float = 0.0) -> FloatArray:
        """Rigid transform [4, 4] of a thing at (s, d), x along the road, turned by `turn` radians."""
        x, y, height = self.points(s, d, z)
        return frame(x, y, height, self.heading(s) + turn)

    def side_frame(self, s: float, side: int, distance: float, z: float = 0.0) -> FloatArray:
        """Frame with x along the road and y away from it; `side` 1 is the left, -1 the right."""
        return self.frame(s, side * distance, z, 0.0 if side > 0 else np.pi)


def ribbon(builder: MeshBuilder, road: Road, s: FloatArray, profile: FloatArray, surface: Surface) -> None:
    """Ground between stations `s` [n] with cross-section `profile` [m, 2] of (d, z), d falling."""
    grid_s, d = np.meshgrid(s, profile[:, 0], indexing="ij")
    points = road.points(grid_s, d, np.broadcast_to(profile[:, 1], d.shape))
    across = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    uv = np.stack([np.broadcast_to(across, d.shape), grid_s], axis=-1) / surface.period
    a, b = (slice(None, -1), slice(1, None))
    corners = ((a, a), (a, b), (b, b), (b, a))  # anticlockwise from above, as d falls
    for order in ((0, 1, 2), (0, 2, 3)):
        pick = [corners[k] for k in order]
        triangles = np.stack([points[c] for c in pick], axis=2).reshape(-1, 3, 3)
        builder.triangles(triangles, np.stack([uv[c] for c in pick], axis=2).reshape(-1, 3, 2), surface)


def decal(
    builder: MeshBuilder,
    road: Road,
    s: tuple[float, float],
    d: tuple[float, float],
    surface: Surface,
    z: float = 0.006,
) -> None:
    """A flat patch on the road between two stations and two offsets."""
    inner = np.arange(np.floor(s[0]) + 1.0, s[1])
    stations = np.concatenate([[s[0]], inner, [s[1]]])
    profile = np.array([[max(d), z], [min(d), z]])
    ribbon(builder, road, stations, profile, surface)


def build_ground(builder: MeshBuilder, road: Road) -> None:
    """Asphalt, parking bays, kerbs, pavements and the fields around."""
    s = np.arange(road.start, road.end + 0.5)
    ribbon(builder, road, s, _profile([BAY, 1.8, 0.0, -1.8, -BAY]), ASPHALT)
    for side in (1, -1):
        strips = (
            ([BAY, KERB], [0.0, 0.0], BAY_PAVING),
            ([KERB, KERB + 0.03, KERB + 0.2], [0.0, 0.13, 0.13], KERBSTONE),
            ([KERB + 0.2, KERB + 0.8, YARD], [0.13, 0.14, 0.15], PAVEMENT),
        )
        for d, z, surface in strips:
            ribbon(builder, road, s, side_profile(side, d, z), surface)
    x, y, _ = road.points(s, np.zeros_like(s)).T
    low, high = (x.min() - 700, y.min() - 700), (x.max() + 700, y.max() + 700)
    corners = [(low[0], low[1], -4), (high[0], low[1], -4), (high[0], high[1], -4), (low[0], high[1], -4)]
    builder.quad(corners, FIELD)


def build_markings(builder: MeshBuilder, road: Road) -> None:
    """Lane marks, crossings, patches, tar, drains, puddles: different everywhere."""
    rng = builder.rng
    for s in np.arange(road.start + 2.0, road.end - 4.0, 6.0):
        decal(builder, road, (s, s + 3.0), (-0.07, 0.07), MARKING)
    for side in (1, -1):
        for s in np.arange(road.start, road.end - 6.0, 5.6):
            decal(builder, road, (s, s + 0.12), (side * BAY, side * KERB), MARKING)
        for s in np.arange(road.start + 1.0, road.end - 8.0, 17.0):
            decal(builder, road, (s, s + 0.5), (side * (KERB - 0.5), side * KERB), IRON)
    for s in np.arange(road.start + 9.0, road.end - 6.0, 4.3):
        at = s + rng.uniform(0, 2)
        d, width, length = rng.uniform(-3.2, 2.4), rng.uniform(0.5, 1.6), rng.uniform(0.6, 4.0)
        kind = rng.uniform()
        if kind < 0.45:
            decal(builder, road, (at, at + length), (d, min(d + width, 3.5)), PATCH, 0.003)
        elif kind < 0.75:
            decal(builder, road, (at, at + 2 * length), (d, d + 0.06), TAR, 0.004)
        elif kind < 0.87:
            decal(builder, road, (at, at + 0.7), (d, d + 0.7), IRON, 0.004)
        else:
            decal(builder, road, (at, at + 0.6 * length), (d, min(d + width, 3.5)), PUDDLE, 0.005)
    for s in np.arange(road.start + 30.0, road.end - 10.0, 64.0):
        at = s + rng.uniform(0, 20)
        for d in np.arange(-3.2, 3.3, 1.0):
            decal(builder, road, (at, at + 3.0), (d - 0.25, d + 0.25), MARKING, 0.008)


def side_profile(side: int, d: list[float], z: list[float]) -> FloatArray:
    """Cross-section [m, 2] on one side, ordered from left to right."""
    profile = np.array([[side * offset, height] for offset, height in zip(d, z, strict=True)])
    return profile[::-1] if side > 0 else profile


def _profile(d: list[float]) -> FloatArray:
    return np.array([[offset, 0.0] for offset in d])
