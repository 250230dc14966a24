"""Furnished rooms with a window, lamps, pictures, a mirror; and a walk through each. Axes: z up, metres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin import furniture
from selfsup_depth.datasets.builtin.ambient import bake_ambient
from selfsup_depth.datasets.builtin.lighting import Lamp, Lighting
from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.patterns import texture_bank
from selfsup_depth.datasets.builtin.raycast import Tracer
from selfsup_depth.datasets.builtin.rig import rigid, rotation
from selfsup_depth.datasets.builtin.shading import Shader
from selfsup_depth.datasets.builtin.solids import box, cylinder, panel

FloatArray = NDArray[np.float64]

EYE_HEIGHT = 1.3
_CAMERA_AXES = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]])  # camera (right, down, ahead) in (ahead, left, up)
_CEILING = Surface("plaster", (1.15, 1.15, 1.12), 2.5)
_WHITE = Surface("paint", (1.35, 1.35, 1.3), 0.8)
_FLOORS = (
    Surface("wood", (0.8, 0.55, 0.35), 1.3),
    Surface("tiles", (0.9, 0.88, 0.82), 2.4),
    Surface("carpet", (0.62, 0.5, 0.45), 1.6),
    Surface("wood", (0.5, 0.36, 0.26), 1.0),
    Surface("marble", (0.9, 0.88, 0.84), 2.0),
)
_WALLS = (
    Surface("plaster", (1.05, 0.98, 0.85), 1.8),
    Surface("checks", (0.95, 0.9, 0.7), 1.6),
    Surface("marble", (0.7, 0.85, 0.9), 1.4),
    Surface("brick", (0.9, 0.62, 0.5), 1.7),
    Surface("weave", (0.85, 0.95, 0.8), 1.5),
)
_TEXTURELESS = Surface("plain", (1.1, 1.08, 1.02), 2.0)


@dataclass(frozen=True)
class RoomScene:
    """One room and the walk of `frames` frames through it, made from (seed, number)."""

    frames: int
    seed: int
    number: int

    @cached_property
    def size(self) -> tuple[float, float, float]:
        rng = self._rng(0)
        return float(rng.uniform(4.4, 6.2)), float(rng.uniform(4.2, 5.4)), float(rng.uniform(2.5, 2.9))

    @cached_property
    def world_T_left(self) -> FloatArray:
        """Poses [frames, 4, 4] of the left camera: a slow arc around the room's middle, looking about."""
        rng, n = self._rng(1), np.arange(self.frames)
        phase = rng.uniform(0, 2 * np.pi, 5)
        angle = phase[0] + 0.06 * n + 0.15 * np.sin(n / 9.0 + phase[1])
        x, y = 0.16 * self.size[0] * np.cos(angle), 0.16 * self.size[1] * np.sin(angle)
        z = EYE_HEIGHT + 0.12 * np.sin(n / 14.0 + phase[2])
        yaw = phase[0] + rng.uniform(2.2, 4.0) + 0.4 * np.sin(n / 10.0 + phase[3]) + rng.normal(0, 0.004, self.frames)
        pitch = 0.16 + 0.1 * np.sin(n / 8.0 + phase[4]) + rng.normal(0, 0.004, self.frames)
        roll = 0.03 * np.sin(n / 11.0 + phase[1])
        turns = [rotation((float(roll[i]), float(pitch[i]), float(yaw[i]))) @ _CAMERA_AXES for i in range(self.frames)]
        return np.stack([rigid(turn, (x[i], y[i], z[i])) for i, turn in enumerate(turns)])

    @cached_property
    def shader(self) -> Shader:
        builder = MeshBuilder(self._rng(2))
        walls = _shell(builder, self.size)
        _furnish(builder, walls, self.size)
        bank = texture_bank(sorted({surface.texture for surface, _ in builder.parts.surfaces}), self.seed)
        mesh = builder.finish(bank.ids)
        bake_ambient(mesh, reach=1.6, rays=24, floor=0.3)
        return Shader(mesh, Tracer(mesh), bank, _lighting(self._rng(3), self.size))

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.number, purpose])


def _lighting(rng: np.random.Generator, size: tuple[float, float, float]) -> Lighting:
    """Two ceiling lamps of 40 cm, and the sun through the window in the wall at +y."""
    corners = 0.2 * np.array([[-1, -1, 0], [1, -1, 0], [-1, 1, 0], [1, 1, 0.0]])
    lamps = tuple(Lamp(corners + [share * size[0], 0.1, size[2] - 0.32], (2.3, 2.15, 1.85)) for share in (-0.24, 0.22))
    sun = np.array([rng.uniform(-0.5, 0.5), 1.0, rng.uniform(0.6, 0.9)])
    sun /= np.linalg.norm(sun)
    return Lighting(
        ambient_above=(0.34, 0.35, 0.37),
        ambient_below=(0.33, 0.31, 0.28),
        exposure=1.45,
        sun_direction=(float(sun[0]), float(sun[1]), float(sun[2])),
        sun=(1.5, 1.4, 1.2),
        lamps=lamps,
    )


def _shell(builder: MeshBuilder, size: tuple[float, float, float]) -> list[MeshBuilder]:
    """Floor, ceiling, four walls (one without texture, one with a window); frames of the walls."""
    rng = builder.rng
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    floor, wall = _FLOORS[rng.integers(len(_FLOORS))], _WALLS[rng.integers(len(_WALLS))]
    panel(builder, np.array([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)]), floor, 0.4)
    panel(builder, np.array([(-x, y, z), (x, y, z), (x, -y, z), (-x, -y, z)]), _CEILING, 0.6)
    # y points into the room, x to the left for who looks at the wall
    ends = ((0.0, y, np.pi), (-x, 0.0, -np.pi / 2), (0.0, -y, 0.0), (x, 0.0, np.pi / 2))
    walls = [builder.at(wall_x, wall_y, heading=turn) for wall_x, wall_y, turn in ends]
    bare = int(rng.integers(1, 4))
    for i, frame in enumerate(walls):
        half = (x, y)[i % 2]
        surface = _TEXTURELESS if i == bare else wall
        spans = [(-half, half, 0.0, z)]
        if i == 0:
            spans = [(-half, -0.7, 0.0, z), (0.7, half, 0.0, z), (-0.7, 0.7, 0.0, 0.9), (-0.7, 0.7, 2.1, z)]
            _window(frame)
        for left, right, low, high in spans:
            corners = np.array([(right, 0, low), (left, 0, low), (left, 0, high), (right, 0, high)])
            panel(frame, corners, surface, 0.4)
        box(frame, (-half, 0, 0), (half, 0.015, 0.09), _WHITE)
    for share in (-0.24, 0.22):
        cylinder(builder.at(share * size[0], 0.1, z - 0.28), 0.02, 0.28, _WHITE, sides=6)
        cylinder(
            builder.at(share * size[0], 0.1, z - 0.3),
            0.24,
            0.05,
            Surface("folds", (1.8, 1.7, 1.5), 0.8),
            sides=20,
        )
    return walls


def _window(frame: MeshBuilder) -> None:
    """An opening with thin bars; a lawn and a brick house outside."""
    for left, right in ((-0.72, -0.66), (0.66, 0.72), (-0.025, 0.025)):
        box(frame, (left, -0.12, 0.9), (right, 0.02, 2.1), _WHITE)
    for low in (0.88, 1.6, 2.05):
        box(frame, (-0.7, -0.12, low), (0.7, 0.04, low + 0.06), _WHITE, floating=True)
    outside = np.array([(-14, -14, -0.6), (14, -14, -0.6), (14, -0.3, -0.6), (-14, -0.3, -0.6)])
    frame.quad(outside, Surface("grass", (0.5, 0.75, 0.3), 2.0))
    front = np.array([(7, -9, -0.6), (-9, -9, -0.6), (-9, -9, 3.2), (7, -9, 3.2)])
    frame.quad(front, Surface("brick", (0.85, 0.55, 0.42), 2.4))


def _furnish(builder: MeshBuilder, walls: list[MeshBuilder], size: tuple[float, float, float]) -> None:
    rng = builder.rng
    table = builder.at(float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.3, 0.3)), 0, float(rng.uniform(0, 3)))
    rug = Surface("carpet", tuple(float(c) for c in rng.uniform(0.3, 1.0, 3)), 1.2)  # type: ignore[arg-type]
    table.quad([(-1.3, -1.0, 0.006), (1.3, -1.0, 0.006), (1.3, 1.0, 0.006), (-1.3, 1.0, 0.006)], rug)
    furniture.table(table)
    left_over = list(rng.permutation(len(furniture.ALONG_WALLS)))
    with_mirror = int(rng.integers(1, 4))
    for i, wall in enumerate(walls):
        half = size[i % 2] / 2 - 0.75  # corners stay free, so that things of two walls do not meet
        position = -half
        if i == with_mirror:
            furniture.mirror(wall.at(position + 0.5))
            position += 1.1
        while left_over:
            put, width = furniture.ALONG_WALLS[left_over[0]]
            if position + width > half:
                break
            left_over.pop(0)
            put(wall.at(position + width / 2, 0.02))
            position += width + float(rng.uniform(0.1, 0.5))
            if put in (furniture.cabinet, furniture.sofa, furniture.bed):
                furniture.picture(wall.at(position - 0.6 - width / 2))
        if i > 0 and position + 1.0 < half:
            furniture.picture(wall.at(0.5 * (position + half)))
        left_over = left_over or [int(k) for k in rng.permutation(len(furniture.ALONG_WALLS))]
