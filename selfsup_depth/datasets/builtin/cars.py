"""Cars, at the origin of the builder's frame, driving along +x."""

from __future__ import annotations

import numpy as np

from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.solids import box, frustum

_TYRE = Surface("concrete", (0.06, 0.06, 0.065), 0.4)
_RIM = Surface("checks", (0.7, 0.7, 0.72), 0.5, gloss=0.2)
_TRIM = Surface("concrete", (0.1, 0.1, 0.11), 0.6)
_PLATE = Surface("photo_text", (1.4, 1.4, 1.4), 0.5)
_LAMP = Surface("checks", (1.5, 1.5, 1.4), 0.2, gloss=0.5)
_TAIL = Surface("checks", (0.9, 0.06, 0.05), 0.2, gloss=0.3)
_PAINTS = (
    (0.9, 0.9, 0.92),
    (0.09, 0.09, 0.11),
    (0.42, 0.44, 0.47),
    (0.6, 0.62, 0.65),
    (0.2, 0.21, 0.23),
    (0.55, 0.06, 0.06),
    (0.08, 0.15, 0.42),
    (0.25, 0.4, 0.55),
    (0.65, 0.6, 0.5),
    (0.1, 0.28, 0.2),
    (0.85, 0.6, 0.1),
)
CAR_TEXTURES = frozenset({"concrete", "checks", "photo_text", "paint", "glass"})


def car(builder: MeshBuilder) -> None:
    """A saloon, an estate car or a van of random size and colour."""
    rng = builder.rng
    paint = Surface("paint", _PAINTS[rng.integers(len(_PAINTS))], 1.6, gloss=0.35)
    van = rng.uniform() < 0.2
    length, width = (rng.uniform(4.6, 5.4), 1.95) if van else (rng.uniform(3.7, 4.7), rng.uniform(1.65, 1.8))
    waist, roof = (1.1, rng.uniform(1.9, 2.2)) if van else (rng.uniform(0.86, 0.96), rng.uniform(1.38, 1.55))
    front, rear = length / 2, -length / 2
    _body(builder, front, rear, width, waist, paint)
    hood = 0.12 if van else rng.uniform(0.24, 0.3)
    boot = 0.02 if van else rng.choice([0.03, 0.16])
    cabin = (rear + boot * length, front - hood * length)
    slope = (0.12 if van or boot < 0.1 else 0.45, 0.35 if van else 0.65)
    _cabin(builder, cabin, slope, width, waist, roof, paint)
    for x in (rear + 0.19 * length, front - 0.19 * length):
        for side in (1.0, -1.0):
            _wheel(builder.at(x, side * (width / 2 - 0.1), 0.31), side)
    _details(builder, front, rear, width, waist)


def _body(builder: MeshBuilder, front: float, rear: float, width: float, waist: float, paint: Surface) -> None:
    """The shell below the windows: its outline seen from the side, drawn out over the width."""
    nose = 0.86 * waist
    outline = [
        (rear + 0.05, 0.24),
        (front - 0.08, 0.24),
        (front, 0.42),
        (front - 0.02, nose - 0.12),
        (front - 0.14, nose),
        (front - 0.26 * (front - rear), waist),
        (rear + 0.12, waist),
        (rear, waist - 0.12),
        (rear, 0.4),
    ]
    points, half = np.array(outline), width / 2
    left = np.insert(points, 1, half, axis=1)
    right = np.insert(points, 1, -half, axis=1)
    shell = [right, left, np.roll(left, -1, axis=0), np.roll(right, -1, axis=0)]
    builder.quads(np.stack(shell, axis=1), paint)
    for ring, order in ((left, [0, 2, 1]), (right, [0, 1, 2])):
        fan = np.stack([np.tile(ring.mean(axis=0), (len(ring), 1)), ring, np.roll(ring, -1, axis=0)], 1)[:, order]
        builder.triangles(fan, fan[:, :, ::2] / paint.period, paint)
    for x in np.linspace(rear * 0.45, front * 0.42, 3):
        for side in (half + 0.004, -half - 0.004):
            y = sorted((side, side - np.sign(side) * 0.01))
            box(builder, (x, y[0], 0.35), (x + 0.02, y[1], waist), _TRIM)
    box(builder, (rear + 0.3, -half - 0.012, 0.24), (front - 0.3, half + 0.012, 0.36), _TRIM)


def _cabin(
    builder: MeshBuilder,
    x: tuple[float, float],
    slope: tuple[float, float],
    width: float,
    waist: float,
    roof: float,
    paint: Surface,
) -> None:
    """Windows all round with posts between them, and the roof."""
    rng = builder.rng
    low, high = width / 2 - 0.03, width / 2 - 0.2
    bottom = np.array([(x[0], -low, waist), (x[1], -low, waist), (x[1], low, waist), (x[0], low, waist)])
    top = np.array(
        [
            (x[0] + slope[0], -high, roof),
            (x[1] - slope[1], -high, roof),
            (x[1] - slope[1], high, roof),
            (x[0] + slope[0], high, roof),
        ]
    )
    dark = float(rng.uniform(0.1, 0.35))
    glass = Surface("glass", (dark, dark, dark * 1.1), 1.4, gloss=0.75)
    frustum(builder, bottom, top, glass, paint)
    middle = float(rng.uniform(0.35, 0.55))
    for side in (0, 1):
        a, b = (bottom[:2], top[:2]) if side == 0 else (bottom[[3, 2]], top[[3, 2]])
        for share in (0.0, middle, 0.965):
            foot = [a[0] + (a[1] - a[0]) * t for t in (share, share + 0.035)]
            head = [b[0] + (b[1] - b[0]) * t for t in (share, share + 0.035)]
            post = np.array([foot[0], foot[1], head[1], head[0]])
            post[:, 1] += np.sign(post[0, 1]) * 0.012
            builder.quad(post if side == 0 else post[[1, 0, 3, 2]], paint)


def _wheel(builder: MeshBuilder, side: float) -> None:
    angle = np.arange(14) * (2 * np.pi / 14)
    ring = np.stack([0.31 * np.cos(angle), np.zeros(14), 0.31 * np.sin(angle)], axis=1)
    outer, inner = ring + [0, side * 0.115, 0], ring - [0, side * 0.1, 0]
    tread = np.stack([inner, outer, np.roll(outer, -1, axis=0), np.roll(inner, -1, axis=0)], axis=1)
    builder.quads(tread if side > 0 else tread[:, ::-1], _TYRE)
    for radius, surface, lift in ((1.0, _TYRE, 0.0), (0.64, _RIM, 0.008)):
        face = outer * [radius, 1, radius] + [0, side * lift, 0]
        fan = np.stack([np.tile(face.mean(axis=0), (14, 1)), face, np.roll(face, -1, axis=0)], axis=1)
        fan = fan[:, [0, 2, 1]] if side > 0 else fan
        builder.triangles(fan, fan[:, :, ::2] / surface.period, surface)


def _details(builder: MeshBuilder, front: float, rear: float, width: float, waist: float) -> None:
    half = width / 2
    for side in (1.0, -1.0):
        y = sorted((side * (half - 0.06), side * (half - 0.42)))
        box(builder, (front - 0.1, y[0], 0.52), (front + 0.008, y[1], 0.66), _LAMP)
        box(builder, (rear - 0.012, y[0] + 0.05, waist - 0.28), (rear + 0.1, y[1], waist - 0.12), _TAIL)
        mirror = sorted((side * half, side * (half + 0.17)))
        box(
            builder,
            (front * 0.3, mirror[0], waist),
            (front * 0.3 + 0.1, mirror[1], waist + 0.14),
            _TRIM,
            floating=True,
        )
    for x in (front + 0.004, rear - 0.016):
        box(builder, (x, -0.26, 0.4), (x + 0.012, 0.26, 0.52), _PLATE)
    box(builder, (front - 0.05, -0.5, 0.3), (front + 0.006, 0.5, 0.38), _TRIM)
