"""Textured triangles: what a scene is made of, and a builder that places them in local frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """How a face looks."""

    texture: str
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)  # linear factor of the texture's colour
    period: float = 2.0  # metres per repeat of the texture
    gloss: float = 0.0  # 0..1: share of the sky mirrored, and of the sun's highlight
    mirror: float = 0.0  # 0..1: share of the scene mirrored


@dataclass
class Mesh:
    """Triangles in world coordinates (metres); one row of each array per triangle."""

    vertices: NDArray[np.float32]  # [T, 3, 3]
    normals: FloatArray  # [T, 3] unit, outward
    maps: NDArray[np.float32]  # [T, 3, 4] affine maps of a world point to (u, v, ambient light)
    textures: NDArray[np.int32]  # [T]
    tints: NDArray[np.float32]  # [T, 3]
    gloss: NDArray[np.float32]  # [T]
    mirror: NDArray[np.float32]  # [T]
    moving: NDArray[np.bool_]  # [T]

    def __len__(self) -> int:
        return len(self.vertices)


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of all triangles, in order."""
    names = ("vertices", "normals", "maps", "textures", "tints", "gloss", "mirror", "moving")
    return Mesh(*(np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in names))


def affine_maps(vertices: FloatArray, values: FloatArray) -> NDArray[np.float32]:
    """Maps [T, k, 4] with `map @ (p, 1)` equal to `values` [T, 3, k] at `vertices` [T, 3, 3]."""
    edges = vertices[:, 1:] - vertices[:, :1]  # [T, 2, 3]
    slopes = (values[:, 1:] - values[:, :1]).transpose(0, 2, 1)  # [T, k, 2]
    linear = slopes @ np.linalg.inv(edges @ edges.transpose(0, 2, 1)) @ edges
    constant = values[:, 0] - np.einsum("tkc,tc->tk", linear, vertices[:, 0])
    return np.concatenate([linear, constant[:, :, None]], axis=2).astype(np.float32)


@dataclass
class _Parts:
    vertices: list[FloatArray] = field(default_factory=list)
    uv: list[FloatArray] = field(default_factory=list)
    surfaces: list[tuple[Surface, int]] = field(default_factory=list)


@dataclass(frozen=True)
class MeshBuilder:
    """Collects triangles. `at` gives a builder for the same mesh whose coordinates are local to a frame."""

    rng: np.random.Generator
    world_T_local: FloatArray = field(default_factory=lambda: np.eye(4))
    parts: _Parts = field(default_factory=_Parts)

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, heading: float = 0.0) -> MeshBuilder:
        """A builder for the frame at (x, y, z), turned by `heading` radians about z."""
        return self.within(frame(x, y, z, heading))

    def within(self, local_T_part: FloatArray) -> MeshBuilder:
        """A builder for the frame given by a [4, 4] rigid transform."""
        return replace(self, world_T_local=self.world_T_local @ local_T_part)

    def triangles(self, vertices: ArrayLike, uv: ArrayLike, surface: Surface) -> None:
        """Adds triangles [n, 3, 3], anticlockwise seen from outside, with `uv` [n, 3, 2] in repeats."""
        local = np.asarray(vertices, np.float64).reshape(-1, 3, 3)
        world = local @ self.world_T_local[:3, :3].T + self.world_T_local[:3, 3]
        self.parts.vertices.append(world)
        self.parts.uv.append(np.asarray(uv, np.float64).reshape(-1, 3, 2))
        self.parts.surfaces.append((surface, len(world)))

    def quad(self, corners: ArrayLike, surface: Surface, *, fit: bool = False) -> None:
        """A face from corners [4, 3]: bottom left, bottom right, top right, top left from outside.

        The texture keeps its metric period, shifted at random; `fit` stretches it over the face once.
        """
        self.quads(np.asarray(corners, np.float64)[None], surface, fit=fit)

    def quads(self, corners: ArrayLike, surface: Surface, *, fit: bool = False) -> None:
        """Faces [n, 4, 3], each as in `quad`."""
        corner = np.asarray(corners, np.float64)
        if fit:
            uv = np.broadcast_to(np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), (len(corner), 4, 2))
        else:
            offset = corner - corner[:, :1]
            along = _unit(offset[:, 1])
            up = offset[:, 3] - along * (along * offset[:, 3]).sum(axis=1, keepdims=True)
            metric = offset @ np.stack([along, -_unit(up)], axis=2)
            uv = metric / surface.period + self.rng.uniform(0.0, 1.0, (len(corner), 1, 2))
        order = [0, 1, 2, 0, 2, 3]
        self.triangles(corner[:, order], uv[:, order], surface)

    def finish(self, texture_ids: Mapping[str, int], *, moving: bool = False) -> Mesh:
        """The mesh of all that was added; slivers without an area are left out."""
        vertices = np.concatenate(self.parts.vertices).astype(np.float32).astype(np.float64)
        cross = np.cross(vertices[:, 1] - vertices[:, 0], vertices[:, 2] - vertices[:, 0])
        area = np.linalg.norm(cross, axis=1)
        keep = area > 1e-7
        values = np.concatenate(self.parts.uv)
        values = np.concatenate([values, np.ones_like(values[:, :, :1])], axis=2)
        counts = [count for _, count in self.parts.surfaces]
        worn = [surface for surface, _ in self.parts.surfaces]

        def column(values: list[Any], dtype: type) -> NDArray[Any]:
            return np.repeat(np.asarray(values, dtype), counts, axis=0)[keep]

        return Mesh(
            vertices=vertices[keep].astype(np.float32),
            normals=cross[keep] / area[keep, None],
            maps=affine_maps(vertices[keep], values[keep]),
            textures=column([texture_ids[surface.texture] for surface in worn], np.int32),
            tints=column([surface.tint for surface in worn], np.float32),
            gloss=column([surface.gloss for surface in worn], np.float32),
            mirror=column([surface.mirror for surface in worn], np.float32),
            moving=np.full(int(keep.sum()), moving),
        )


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def frame(x: float, y: float, z: float, heading: float) -> FloatArray:
    """Rigid transform [4, 4]: turned by `heading` radians about z, then moved to (x, y, z)."""
    cos, sin = np.cos(heading), np.sin(heading)
    return np.array([[cos, -sin, 0, x], [sin, cos, 0, y], [0, 0, 1, z], [0, 0, 0, 1.0]])
