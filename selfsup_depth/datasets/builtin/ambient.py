"""Soft light, baked once: how much of the sky each vertex sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.mesh import Mesh, affine_maps
from selfsup_depth.datasets.builtin.raycast import Tracer

_CELL = 0.08  # metres: corners nearer than this that face the same way share their light


def bake_ambient(mesh: Mesh, *, reach: float = 5.0, rays: int = 16, floor: float = 0.25) -> None:
    """Writes into the third row of `mesh.maps` how open the surroundings of each vertex are (1 = all open).

    Soft light is view-independent, so it is cast once: `rays` cosine-weighted rays of `reach` metres.
    `floor` is what is left where every ray is blocked.
    """
    corners = mesh.vertices.reshape(-1, 3)
    facing = np.repeat(mesh.normals, 3, axis=0)
    _, first, index = np.unique(_keys(corners, facing), return_index=True, return_inverse=True)
    points, normals = corners[first].astype(np.float64), facing[first]
    side = np.where(np.abs(normals[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    across = np.cross(normals, side)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    tracer = Tracer(mesh)
    length = np.full(len(points), reach, np.float32)
    open_rays = np.zeros(len(points))
    for i in range(rays):
        height = np.sqrt((i + 0.5) / rays)  # cosine-weighted; the golden angle spreads the rays
        angle, radius = i * 2.399963, np.sqrt(1 - height**2)
        direction = normals * height + (across * np.cos(angle) + along * np.sin(angle)) * radius
        open_rays += ~tracer.occluded(points + 0.02 * normals, direction, length)
    light = floor + (1.0 - floor) * open_rays / rays
    values = light[index].reshape(-1, 3, 1)
    mesh.maps[:, 2:3] = affine_maps(mesh.vertices.astype(np.float64), values)


def _keys(points: NDArray[np.float32], normals: NDArray[np.float64]) -> NDArray[np.int64]:
    """One number for each cell of space and direction."""
    cell = np.floor(points / _CELL).astype(np.int64)
    facing = np.rint(normals * 3.0).astype(np.int64) + 3
    cell -= cell.min(axis=0)
    size = cell.max(axis=0) + 1
    place = (cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2]
    return place * 343 + (facing[:, 0] * 7 + facing[:, 1]) * 7 + facing[:, 2]
