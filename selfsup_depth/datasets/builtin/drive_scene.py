"""The built-in drive: its street, its light, and where the car is at every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin.ambient import bake_ambient
from selfsup_depth.datasets.builtin.cars import CAR_TEXTURES
from selfsup_depth.datasets.builtin.lighting import Lighting
from selfsup_depth.datasets.builtin.mesh import Mesh, join
from selfsup_depth.datasets.builtin.patterns import texture_bank
from selfsup_depth.datasets.builtin.raycast import Tracer
from selfsup_depth.datasets.builtin.rig import rigid, rotation
from selfsup_depth.datasets.builtin.road import LANE, Road
from selfsup_depth.datasets.builtin.shading import Shader
from selfsup_depth.datasets.builtin.street import build_street, build_traffic, plan_traffic
from selfsup_depth.datasets.builtin.textures import TextureBank

FloatArray = NDArray[np.float64]

STEP = 0.7  # metres per frame on average
CAMERA_HEIGHT = 1.65
_VIEW = 180.0  # metres of street beyond the last frame
_CAMERA_AXES = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]])  # camera (right, down, ahead) in (ahead, left, up)


@dataclass(frozen=True)
class DriveScene:
    """Everything that a frame is rendered from, made from a seed."""

    frames: int
    seed: int

    @cached_property
    def road(self) -> Road:
        rng = np.random.default_rng([self.seed, 0])
        return Road(rng, -20.0, float(np.ceil(self.frames * STEP + _VIEW)))

    @cached_property
    def stations(self) -> FloatArray:
        """[frames] metres along the road at each frame: steps of 0.5 to 0.9 metres."""
        rng = np.random.default_rng([self.seed, 5])
        wave = 0.16 * np.sin(np.arange(self.frames) / 9.0 + rng.uniform(0, 2 * np.pi))
        return np.cumsum(STEP + wave + rng.uniform(-0.03, 0.03, self.frames))

    @cached_property
    def world_T_rect(self) -> FloatArray:
        """Poses [frames, 4, 4] of rectified camera 0: drifting in the lane, pitching a little."""
        rng = np.random.default_rng([self.seed, 3])
        n, s = np.arange(self.frames), self.stations
        phase = rng.uniform(0, 2 * np.pi, 4)
        d = -LANE + 0.15 * np.sin(n / 23.0 + phase[1])
        yaw = 0.012 * np.sin(n / 13.0 + phase[2]) + rng.normal(0, 0.0012, self.frames)
        pitch = 0.006 * np.sin(n / 5.0 + phase[3]) + rng.normal(0, 0.0025, self.frames)
        roll = rng.normal(0, 0.0025, self.frames)
        height = CAMERA_HEIGHT + rng.normal(0, 0.006, self.frames)
        poses = []
        for i in range(self.frames):
            ahead, behind = (self.road.points(s[i] + reach, d[i]) for reach in (1.3, -1.3))
            slope = float(np.arctan2(ahead[2] - behind[2], 2.6))
            car = self.road.frame(float(s[i]), float(d[i]), float(height[i]), float(yaw[i]))
            tilt = rotation((float(roll[i]), float(pitch[i]) - slope, 0.0))
            poses.append(car @ rigid(tilt @ _CAMERA_AXES, (0.0, 0.0, 0.0)))
        return np.stack(poses)

    @cached_property
    def lighting(self) -> Lighting:
        rng = np.random.default_rng([self.seed, 4])
        side = float(rng.choice([-1.0, 1.0]))
        sun = np.array([-rng.uniform(0.2, 0.6), side * rng.uniform(0.6, 0.9), rng.uniform(0.65, 0.9)])
        sun /= np.linalg.norm(sun)
        return Lighting(
            ambient_above=(0.47, 0.55, 0.68),
            ambient_below=(0.27, 0.25, 0.23),
            exposure=1.15,
            sun_direction=(float(sun[0]), float(sun[1]), float(sun[2])),
            sun=(1.6, 1.5, 1.3),
            cloud_texture="clouds",
            haze_distance=900.0,
        )

    def shader(self, frame_index: int) -> Shader:
        """What there is to see at a frame, with the traffic where it is then."""
        mesh, tracer, bank = self._still
        traffic = plan_traffic(self.road, self.seed, self.frames, STEP)
        here = float(self.stations[frame_index])
        cars = build_traffic(self.road, traffic, frame_index, (here - 20.0, here + 150.0))
        if not cars.parts.vertices:
            return Shader(mesh, tracer, bank, self.lighting)
        moving = cars.finish(bank.ids, moving=True)
        return Shader(join([mesh, moving]), Tracer(moving, tracer), bank, self.lighting)

    @cached_property
    def _still(self) -> tuple[Mesh, Tracer, TextureBank]:
        street = build_street(self.road, self.seed)
        used = {surface.texture for surface, _ in street.parts.surfaces} | {"clouds"}
        bank = texture_bank(sorted(used | CAR_TEXTURES), self.seed)
        mesh = street.finish(bank.ids)
        bake_ambient(mesh)
        return mesh, Tracer(mesh), bank
