"""From hits to colours: textures, hard sun, lamps, baked ambient light, gloss, mirrors, sky, haze.

Everything but gloss and mirrors is view-independent, so that two views of a point agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.mesh import Mesh
from selfsup_depth.datasets.builtin.raycast import Hits, Tracer
from selfsup_depth.datasets.builtin.textures import TextureBank

FloatArray = NDArray[np.float32]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Lamp:
    """A small area light, as points that take turns from sub-pixel to sub-pixel: soft shadows for free."""

    points: NDArray[np.float64]  # [k, 3]
    colour: Colour  # radiance of a white matt surface at one metre


@dataclass(frozen=True)
class Lighting:
    """The light of a scene; all colours linear."""

    ambient_above: Colour
    ambient_below: Colour
    exposure: float = 1.0
    sun_direction: tuple[float, float, float] | None = None  # unit, towards the sun
    sun: Colour = (0.0, 0.0, 0.0)
    lamps: tuple[Lamp, ...] = ()
    zenith: Colour = (0.25, 0.45, 0.85)
    horizon: Colour = (0.75, 0.82, 0.9)
    cloud_texture: str | None = None
    haze_distance: float = np.inf  # metres after which 63 % of the light comes from the haze


@dataclass(frozen=True)
class Rays:
    """A bundle of rays; `across` and `down` are the changes of direction over one pixel, for filtering."""

    origins: FloatArray  # [3] or [N, 3]
    directions: FloatArray  # [N, 3]
    across: FloatArray  # [3] or [N, 3]
    down: FloatArray  # [3] or [N, 3]


@dataclass(frozen=True)
class Shader:
    """Colours of what rays hit in one mesh under one light."""

    mesh: Mesh
    tracer: Tracer
    bank: TextureBank
    lighting: Lighting

    def radiance(self, rays: Rays, hits: Hits, turn: int = 0, bounces: int = 1) -> FloatArray:
        """Linear colours [N, 3]. `turn` picks the lamps' points; `bounces` mirrors are followed."""
        out = np.empty((len(rays.directions), 3), np.float32)
        hit = hits.triangle >= 0
        missed = np.flatnonzero(~hit)
        if len(missed):
            out[missed] = self.sky(rays.directions[missed])
        index = np.flatnonzero(hit)
        if len(index):
            out[index] = self._surfaces(_pick(rays, index), hits, index, turn, bounces)
        return out

    def sky(self, directions: FloatArray) -> FloatArray:
        """Sky colours [N, 3], with clouds on a plane far above (texture at infinity)."""
        light = self.lighting
        unit = directions / _length(directions)
        up = np.clip(unit[:, 2:], 0.0, 1.0)
        blend = up ** np.float32(0.6)
        colour = np.float32(light.horizon) * (1 - blend) + np.float32(light.zenith) * blend
        if light.cloud_texture is not None:
            scale = 0.35 / (up[:, 0] + 0.1)
            uv = np.stack([unit[:, 0] * scale, unit[:, 1] * scale])
            width = (0.002 + 0.004 * scale) * scale
            ids = np.full(len(unit), self.bank.ids[light.cloud_texture], np.int32)
            cover = self.bank.sample(ids, uv, np.stack([width, width]).astype(np.float32))[:, :1]
            cover = np.clip(2.6 * cover - 0.35, 0.0, 1.0)
            colour = colour * (1 - cover) + np.float32((0.95, 0.96, 0.98)) * cover
        return colour.astype(np.float32)

    def _surfaces(
        self, rays: Rays, hits: Hits, index: NDArray[np.intp], turn: int, bounces: int
    ) -> FloatArray:
        mesh, light = self.mesh, self.lighting
        triangle = hits.triangle[index]
        distance = hits.distance[index].astype(np.float32)[:, None]
        points = rays.origins + rays.directions * distance
        normals = mesh.normals[triangle].astype(np.float32)
        facing = _dot(normals, rays.directions)
        normals = np.where(facing > 0, -normals, normals)

        maps = mesh.maps[triangle]
        values = np.einsum("nkc,nc->kn", maps[:, :, :3], points) + maps[:, :, 3].T
        widths = _footprints(maps[:, :2, :3], normals, rays, distance)
        albedo = self.bank.sample(mesh.textures[triangle], values[:2], widths) * mesh.tints[triangle]

        up = 0.5 + 0.5 * normals[:, 2:]
        ambient = np.float32(light.ambient_above) * up + np.float32(light.ambient_below) * (1 - up)
        received = ambient * np.clip(values[2], 0.0, 1.0)[:, None]
        lifted = points + normals * np.float32(2e-3) * (1.0 + 0.02 * distance)
        highlight = self._sunlight(received, lifted, normals, rays.directions, mesh.gloss[triangle])
        for lamp in light.lamps:
            self._lamplight(received, lifted, normals, lamp, turn)
        colour = albedo * received + highlight
        self._reflect(colour, rays, lifted, normals, triangle, distance, turn, bounces)
        if np.isfinite(light.haze_distance):
            length = distance * _length(rays.directions)
            clear = np.exp(-length / np.float32(light.haze_distance))
            colour = colour * clear + np.float32(light.horizon) * (1 - clear)
        return colour.astype(np.float32)

    def _sunlight(
        self,
        received: FloatArray,
        points: FloatArray,
        normals: FloatArray,
        views: FloatArray,
        gloss: FloatArray,
    ) -> FloatArray:
        """Adds the sun to `received`; returns the highlights on glossy surfaces."""
        highlight = np.zeros_like(received)
        if self.lighting.sun_direction is None:
            return highlight
        sun = np.array(self.lighting.sun_direction, np.float32)
        cosine = normals @ sun
        lit = np.flatnonzero(cosine > 0)
        lit = lit[~self.tracer.occluded(points[lit], sun)]
        received[lit] += cosine[lit, None] * np.float32(self.lighting.sun)
        shiny = lit[gloss[lit] > 0]
        mirrored = _mirror(views[shiny], normals[shiny])
        mirrored /= _length(mirrored)
        glint = np.maximum(mirrored @ sun, 0) ** 60
        highlight[shiny] = (0.8 * gloss[shiny] * glint)[:, None] * np.float32(self.lighting.sun)
        return highlight

    def _lamplight(
        self, received: FloatArray, points: FloatArray, normals: FloatArray, lamp: Lamp, turn: int
    ) -> None:
        towards = lamp.points[turn % len(lamp.points)].astype(np.float32) - points
        square = _dot(towards, towards)[:, 0]
        cosine = _dot(normals, towards)[:, 0] / np.sqrt(square)
        lit = np.flatnonzero(cosine > 0)
        reach = np.full(len(lit), 0.98, np.float32)
        lit = lit[~self.tracer.occluded(points[lit], towards[lit], reach)]
        # an area light does not blow up when touched: half a metre is added to the distance
        strength = cosine[lit] / (square[lit] + 0.5)
        received[lit] += strength[:, None] * np.float32(lamp.colour)

    def _reflect(
        self,
        colour: FloatArray,
        rays: Rays,
        points: FloatArray,
        normals: FloatArray,
        triangle: NDArray[np.int64],
        distance: FloatArray,
        turn: int,
        bounces: int,
    ) -> None:
        """Mixes in what glossy surfaces show of the sky and mirrors show of the scene."""
        gloss, mirror = self.mesh.gloss[triangle], self.mesh.mirror[triangle]
        shiny = np.flatnonzero((gloss > 0) | (mirror > 0))
        if not len(shiny):
            return
        views, normal = rays.directions[shiny], normals[shiny]
        mirrored = _mirror(views, normal)
        cosine = -_dot(views, normal) / _length(views)
        fresnel = 0.06 + 0.94 * (1 - np.clip(cosine, 0, 1)) ** 5
        share = np.maximum(mirror[shiny, None], gloss[shiny, None] * np.minimum(1.0, 2.5 * fresnel))
        seen = self._environment(mirrored)
        real = np.flatnonzero(mirror[shiny] > 0)
        if bounces and len(real):
            rows = shiny[real]
            # the bundle goes on with the width it has at the mirror: directions scaled to the whole path
            spread = _pick(rays, rows)
            onward = Rays(
                points[rows],
                mirrored[real],
                _mirror_bundle(spread.across, normals[rows]),
                _mirror_bundle(spread.down, normals[rows]),
            )
            hits = self.tracer.trace(onward.origins, onward.directions)
            seen[real] = self.radiance(onward, hits, turn, bounces - 1)
        colour[shiny] = colour[shiny] * (1 - share) + seen * share

    def _environment(self, directions: FloatArray) -> FloatArray:
        """What gloss shows: the sky above a dark street; not traced."""
        unit_up = directions[:, 2:] / _length(directions)
        above = np.clip((unit_up - 0.15) / 0.2, 0, 1)
        street = np.float32(self.lighting.ambient_below) * np.float32(0.5)
        return (self.sky(directions) * above + street * (1 - above)).astype(np.float32)


def _footprints(maps: FloatArray, normals: FloatArray, rays: Rays, distance: FloatArray) -> FloatArray:
    """Extents [2, N] in texture repeats of what one pixel sees of the hit surfaces (Igehy 1999)."""
    facing = _dot(normals, rays.directions)
    facing = np.where(np.abs(facing) < 1e-6, np.float32(-1e-6), facing)
    widths = np.zeros((2, len(maps)), np.float32)
    for change in (rays.across, rays.down):
        slide = _dot(normals, change) / facing
        moved = (change - rays.directions * slide) * distance
        widths += np.abs(np.einsum("nkc,nc->kn", maps, moved))
    return widths


def _pick(rays: Rays, index: NDArray[np.intp]) -> Rays:
    def rows(array: FloatArray) -> FloatArray:
        return array if array.ndim == 1 else array[index]

    return Rays(rows(rays.origins), rays.directions[index], rows(rays.across), rows(rays.down))


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.einsum("nc,nc->n", *np.broadcast_arrays(a, b))[:, None]


def _length(a: FloatArray) -> FloatArray:
    return np.sqrt(_dot(a, a))


def _mirror(directions: FloatArray, normals: FloatArray) -> FloatArray:
    return directions - 2 * _dot(directions, normals) * normals


def _mirror_bundle(change: FloatArray, normals: FloatArray) -> FloatArray:
    return _mirror(np.broadcast_to(change, normals.shape), normals)
