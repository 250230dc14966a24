"""Rays against triangles, by Embree; distances are then solved again in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.mesh import Mesh
from selfsup_depth.errors import UserError


def require_embree() -> tuple[Any, Any]:
    """embreex's scene and mesh classes. Raises UserError when embreex cannot be imported."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise UserError(
            f"Rendering the built-in scenes needs embreex, which cannot be imported ({error}): "
            "pip install embreex"
        ) from error
    return EmbreeScene, TriangleMesh


@dataclass(frozen=True)
class Hits:
    """Where rays end. `triangle` is -1 and `distance` infinite for those that hit nothing."""

    triangle: NDArray[np.int64]  # [N]
    distance: NDArray[np.float64]  # [N] in lengths of the ray's direction vector


class Tracer:
    """A mesh that rays can be cast into."""

    def __init__(self, mesh: Mesh) -> None:
        scene_type, mesh_type = require_embree()
        self._scene = scene_type(robust=True)  # robust: no ray slips between two triangles of an edge
        mesh_type(self._scene, mesh.vertices)
        self._normals = mesh.normals
        self._offsets = np.einsum("tc,tc->t", mesh.normals, mesh.vertices[:, 0].astype(np.float64))

    def trace(self, origins: NDArray[np.floating[Any]], directions: NDArray[np.floating[Any]]) -> Hits:
        """First hits of rays from `origins` ([3] or [N, 3]) along `directions` [N, 3] (any length)."""
        rays = np.ascontiguousarray(directions, np.float32)
        starts = np.ascontiguousarray(np.broadcast_to(origins, rays.shape), np.float32)
        triangle = np.asarray(self._scene.run(starts, rays), np.int64)
        hit = np.flatnonzero(triangle >= 0)
        normal = self._normals[triangle[hit]]
        start = origins if np.ndim(origins) == 1 else np.asarray(origins)[hit]
        height = self._offsets[triangle[hit]] - (normal * start).sum(axis=1)
        distance = np.full(len(rays), np.inf)
        distance[hit] = height / (normal * np.asarray(directions, np.float64)[hit]).sum(axis=1)
        return Hits(triangle, distance)

    def occluded(
        self,
        origins: NDArray[np.floating[Any]],
        directions: NDArray[np.floating[Any]],
        lengths: NDArray[np.float32] | None = None,
    ) -> NDArray[np.bool_]:
        """[N] whether anything stands within `lengths` (in direction vectors; default: anywhere)."""
        rays = np.ascontiguousarray(np.broadcast_to(directions, origins.shape), np.float32)
        starts = np.ascontiguousarray(origins, np.float32)
        return np.asarray(self._scene.run(starts, rays, lengths, query="OCCLUDED") >= 0)
