"""Soft light, baked once: how much of the sky each vertex sees."""

from __future__ import annotations

import numpy as np

from selfsup_depth.datasets.builtin.mesh import Mesh, affine_maps
from selfsup_depth.datasets.builtin.raycast import Tracer


def bake_ambient(mesh: Mesh, *, reach: float = 5.0, rays: int = 16, floor: float = 0.25) -> None:
    """Writes into the third row of `mesh.maps` how open the sky is around each vertex (1 = all open).

    Soft light is view-independent, so it is cast once: `rays` cosine-weighted rays of `reach` metres.
    """
    corners = np.concatenate(
        [mesh.vertices, np.repeat(mesh.normals[:, None].astype(np.float32), 3, axis=1)], axis=2
    ).reshape(-1, 6)
    unique, index = np.unique(np.round(corners, 3), axis=0, return_inverse=True)
    points, normals = unique[:, :3], unique[:, 3:]
    helper = np.where(np.abs(normals[:, 2:]) > 0.9, [[1.0, 0.0, 0.0]], [[0.0, 0.0, 1.0]])
    across = np.cross(normals, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    along = np.cross(normals, across)
    tracer = Tracer(mesh)
    open_rays = np.zeros(len(points))
    for i in range(rays):
        height = np.sqrt((i + 0.5) / rays)  # cosine-weighted; the golden angle spreads the rays
        angle, radius = i * 2.399963, np.sqrt(1 - height**2)
        direction = normals * height + (across * np.cos(angle) + along * np.sin(angle)) * radius
        length = np.full(len(points), reach, np.float32)
        open_rays += ~tracer.occluded(points + 0.02 * normals, direction, length)
    light = floor + (1.0 - floor) * open_rays / rays
    values = light[np.ravel(index)].reshape(-1, 3, 1)
    mesh.maps[:, 2:3] = affine_maps(mesh.vertices.astype(np.float64), values)
