"""From hits to colours: textures, hard sun, lamps, baked ambient light, gloss, mirrors, haze.

Everything but gloss and mirrors is view-independent, so that two views of a point agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.lighting import Lamp, Lighting, rgb
from selfsup_depth.datasets.builtin.mesh import Mesh
from selfsup_depth.datasets.builtin.raycast import Hits, Tracer
from selfsup_depth.datasets.builtin.textures import TextureBank

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Rays:
    """A bundle of rays; `across` and `down` are the changes of direction over one pixel, for filtering."""

    origins: FloatArray  # [3] or [N, 3]
    directions: FloatArray  # [N, 3]
    across: FloatArray  # [3] or [N, 3]
    down: FloatArray  # [3] or [N, 3]

    def pick(self, index: NDArray[np.intp]) -> Rays:
        """Some of the rays."""

        def rows(array: FloatArray) -> FloatArray:
            return array if array.ndim == 1 else array[index]

        return Rays(rows(self.origins), self.directions[index], rows(self.across), rows(self.down))


@dataclass(frozen=True)
class _Seen:
    """Surface points that rays hit."""

    rays: Rays
    triangle: NDArray[np.int64]  # [N]
    distance: FloatArray  # [N, 1] in lengths of the direction
    normals: FloatArray  # [N, 3] turned towards the viewer
    points: FloatArray  # [N, 3]
    lifted: FloatArray  # [N, 3] the same, just above the surface: where further rays start


@dataclass(frozen=True)
class Shader:
    """Colours of what rays hit in one mesh under one light."""

    mesh: Mesh
    tracer: Tracer
    bank: TextureBank
    lighting: Lighting

    def radiance(self, rays: Rays, hits: Hits, turn: int = 0, bounces: int = 1) -> FloatArray:
        """Linear colours [N, 3]. `turn` picks the lamps' points; mirrors are followed `bounces` times."""
        out = np.empty((len(rays.directions), 3), np.float32)
        missed = np.flatnonzero(hits.triangle < 0)
        if len(missed):
            out[missed] = self.lighting.sky(rays.directions[missed], self.bank)
        index = np.flatnonzero(hits.triangle >= 0)
        if len(index):
            seen = self._seen(rays.pick(index), hits.triangle[index], hits.distance[index])
            out[index] = self._surfaces(seen, turn, bounces)
        return out

    def _seen(self, rays: Rays, triangle: NDArray[np.int64], distance: NDArray[np.float64]) -> _Seen:
        column = distance.astype(np.float32)[:, None]
        points = rays.origins + rays.directions * column
        normals = self.mesh.normals[triangle].astype(np.float32)
        normals = np.where(_dot(normals, rays.directions) > 0, -normals, normals)
        lifted = points + normals * (0.002 * (1.0 + 0.02 * column))
        return _Seen(rays, triangle, column, normals, points, lifted)

    def _surfaces(self, seen: _Seen, turn: int, bounces: int) -> FloatArray:
        mesh, light = self.mesh, self.lighting
        maps = mesh.maps[seen.triangle]
        values = np.einsum("nkc,nc->kn", maps[:, :, :3], seen.points) + maps[:, :, 3].T
        widths = _footprints(maps[:, :2, :3], seen)
        albedo = self.bank.sample(mesh.textures[seen.triangle], values[:2], widths) * mesh.tints[seen.triangle]

        received = light.ambient(seen.normals) * np.clip(values[2], 0.0, 1.0)[:, None]
        highlight = self._sunlight(received, seen)
        for lamp in light.lamps:
            self._lamplight(received, seen, lamp, turn)
        colour = albedo * received + highlight
        self._reflect(colour, seen, turn, bounces)
        if np.isfinite(light.haze_distance):
            clear = np.exp(seen.distance * _length(seen.rays.directions) / -light.haze_distance)
            colour = colour * clear + rgb(light.horizon) * (1 - clear)
        return colour

    def _sunlight(self, received: FloatArray, seen: _Seen) -> FloatArray:
        """Adds the sun to `received`; returns the highlights on glossy surfaces."""
        highlight = np.zeros_like(received)
        if self.lighting.sun_direction is None:
            return highlight
        sun = rgb(self.lighting.sun_direction)
        cosine = seen.normals @ sun
        lit = np.flatnonzero(cosine > 0)
        lit = lit[~self.tracer.occluded(seen.lifted[lit], sun)]
        received[lit] += cosine[lit, None] * rgb(self.lighting.sun)
        gloss = self.mesh.gloss[seen.triangle[lit]]
        shiny, gloss = lit[gloss > 0], gloss[gloss > 0]
        mirrored = _mirror(seen.rays.directions[shiny], seen.normals[shiny])
        glint = np.maximum(mirrored @ sun / _length(mirrored)[:, 0], 0) ** 60
        highlight[shiny] = (0.8 * gloss * glint)[:, None] * rgb(self.lighting.sun)
        return highlight

    def _lamplight(self, received: FloatArray, seen: _Seen, lamp: Lamp, turn: int) -> None:
        towards = lamp.points[turn % len(lamp.points)].astype(np.float32) - seen.lifted
        square = _dot(towards, towards)[:, 0]
        cosine = _dot(seen.normals, towards)[:, 0] / np.sqrt(square)
        lit = np.flatnonzero(cosine > 0)
        reach = np.full(len(lit), 0.98, np.float32)
        lit = lit[~self.tracer.occluded(seen.lifted[lit], towards[lit], reach)]
        # a lamp has a size: half a square metre keeps what is close to it from blowing up
        strength = cosine[lit] / (square[lit] + 0.5)
        received[lit] += strength[:, None] * rgb(lamp.colour)

    def _reflect(self, colour: FloatArray, seen: _Seen, turn: int, bounces: int) -> None:
        """Mixes in what glossy surfaces show of the sky and mirrors show of the scene."""
        gloss, mirror = self.mesh.gloss[seen.triangle], self.mesh.mirror[seen.triangle]
        shiny = np.flatnonzero((gloss > 0) | (mirror > 0))
        if not len(shiny):
            return
        views, normals = seen.rays.directions[shiny], seen.normals[shiny]
        mirrored = _mirror(views, normals)
        cosine = np.clip(-_dot(views, normals) / _length(views), 0.0, 1.0)
        fresnel = 0.06 + 0.94 * (1 - cosine) ** 5
        share = np.maximum(mirror[shiny, None], gloss[shiny, None] * np.minimum(1.0, 2.5 * fresnel))
        shown = self._environment(mirrored)
        real = np.flatnonzero(mirror[shiny] > 0)
        if bounces and len(real):
            bundle = seen.rays.pick(shiny[real])
            turned = (_mirror(change, normals[real]) for change in (bundle.across, bundle.down))
            onward = Rays(seen.lifted[shiny[real]], mirrored[real], *turned)
            hits = self.tracer.trace(onward.origins, onward.directions)
            shown[real] = self.radiance(onward, hits, turn, bounces - 1)
        colour[shiny] = colour[shiny] * (1 - share) + shown * share

    def _environment(self, directions: FloatArray) -> FloatArray:
        """What gloss shows: the sky above a dark street; not traced."""
        above = np.clip((directions[:, 2:] / _length(directions) - 0.15) / 0.2, 0, 1)
        street = 0.5 * rgb(self.lighting.ambient_below)
        return self.lighting.sky(directions, self.bank) * above + street * (1 - above)


def _footprints(maps: FloatArray, seen: _Seen) -> FloatArray:
    """Extents [2, N] in texture repeats of what one pixel sees of the hit surfaces (Igehy 1999)."""
    facing = np.minimum(_dot(seen.normals, seen.rays.directions), -1e-6)
    widths = np.zeros((2, len(maps)), np.float32)
    for change in (seen.rays.across, seen.rays.down):
        slide = _dot(seen.normals, change) / facing
        moved = (change - seen.rays.directions * slide) * seen.distance
        widths += np.abs(np.einsum("nkc,nc->kn", maps, moved))
    return widths


def _dot(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.einsum("nc,nc->n", *np.broadcast_arrays(a, b))[:, None]


def _length(a: FloatArray) -> FloatArray:
    return np.sqrt(_dot(a, a))


def _mirror(directions: FloatArray, normals: FloatArray) -> FloatArray:
    return directions - 2 * _dot(directions, normals) * normals
