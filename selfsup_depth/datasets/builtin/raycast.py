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
            f"Rendering the built-in scenes needs embreex, which cannot be imported ({error}): pip install embreex"
        ) from error
    return EmbreeScene, TriangleMesh


@dataclass(frozen=True)
class Hits:
    """Where rays end. `triangle` is -1 and `distance` infinite for those that hit nothing."""

    triangle: NDArray[np.int64]  # [N]
    distance: NDArray[np.float64]  # [N] in lengths of the ray's direction vector


class Tracer:
    """Meshes that rays can be cast into; triangles are numbered through all of them, in order."""

    def __init__(self, mesh: Mesh, base: Tracer | None = None) -> None:
        """A tracer of `mesh`, after the triangles of `base` (whose search tree is shared, not built anew)."""
        scene_type, mesh_type = require_embree()
        scene = scene_type(robust=True)  # robust: no ray slips between two triangles of an edge
        mesh_type(scene, mesh.vertices)
        offsets = np.einsum("tc,tc->t", mesh.normals, mesh.vertices[:, 0].astype(np.float64))
        self._scenes: list[tuple[Any, int]] = [(scene, 0)]
        self._normals: NDArray[np.float64] = mesh.normals
        self._offsets: NDArray[np.float64] = offsets
        if base is not None:
            self._scenes = [*base._scenes, (scene, len(base._offsets))]
            self._normals = np.concatenate([base._normals, mesh.normals])
            self._offsets = np.concatenate([base._offsets, offsets])

    def trace(self, origins: NDArray[np.floating[Any]], directions: NDArray[np.floating[Any]]) -> Hits:
        """First hits of rays from `origins` ([3] or [N, 3]) along `directions` [N, 3] (any length)."""
        rays = np.ascontiguousarray(directions, np.float32)
        starts = np.ascontiguousarray(np.broadcast_to(origins, rays.shape), np.float32)
        triangle = np.full(len(rays), -1, np.int64)
        distance = np.full(len(rays), np.inf)
        for scene, first in self._scenes:
            found = scene.run(starts, rays)
            hit = np.flatnonzero(found >= 0)
            number = found[hit].astype(np.int64) + first
            start = origins if np.ndim(origins) == 1 else np.asarray(origins)[hit]
            away = self._plane_distance(number, start, np.asarray(directions, np.float64)[hit])
            nearer = away < distance[hit]
            triangle[hit[nearer]], distance[hit[nearer]] = number[nearer], away[nearer]
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
        blocked = np.zeros(len(rays), np.bool_)
        for scene, _ in self._scenes:
            blocked |= scene.run(starts, rays, lengths, query="OCCLUDED") >= 0
        return blocked

    def _plane_distance(
        self, triangle: NDArray[np.int64], start: NDArray[np.floating[Any]], direction: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Distance to the plane of the triangle: Embree's own is in single precision."""
        normal = self._normals[triangle]
        start = np.broadcast_to(start, normal.shape)
        height = self._offsets[triangle] - np.einsum("nc,nc->n", normal, start)
        return height / np.einsum("nc,nc->n", normal, direction)
