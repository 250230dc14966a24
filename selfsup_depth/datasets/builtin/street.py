"""Lays out a street: different segments on both sides, parked cars, traffic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.datasets.builtin import plants, roadside
from selfsup_depth.datasets.builtin.cars import car
from selfsup_depth.datasets.builtin.houses import building
from selfsup_depth.datasets.builtin.mesh import MeshBuilder, Surface
from selfsup_depth.datasets.builtin.road import (
    BAY,
    EDGE,
    KERB,
    LANE,
    YARD,
    Road,
    build_ground,
    build_markings,
    ribbon,
    side_profile,
)

_YARDS = (
    Surface("grass", (0.5, 0.72, 0.3), 4.0),
    Surface("grass", (0.6, 0.68, 0.35), 5.5),
    Surface("gravel", (0.8, 0.74, 0.64), 3.0),
    Surface("paving", (0.7, 0.68, 0.66), 4.1),
)


@dataclass(frozen=True)
class Traffic:
    """A car that drives at constant speed along a lane; +1 drives as the camera does, -1 comes towards it."""

    start: float  # metres along the road at frame 0
    step: float  # metres per frame, signed
    direction: int
    look: int  # seed of its looks

    def position(self, frame_index: int) -> float:
        return self.start + self.step * frame_index


def build_street(road: Road, seed: int) -> MeshBuilder:
    """All that stands still, in a builder of world coordinates."""
    builder = MeshBuilder(np.random.default_rng([seed, 1]))
    build_ground(builder, road)
    build_markings(builder, road)
    for side in (1, -1):
        _segments(builder, road, side)
        _kerbside(builder, road, side)
        _backdrop(builder, road, side)
    _end_of_road(builder, road)
    return builder


def plan_traffic(road: Road, seed: int, frames: int, step: float) -> list[Traffic]:
    """Oncoming cars at uneven distances; in the camera's lane one that draws away and one that it catches up.

    `step` is the camera's own metres per frame. Nothing in its lane comes nearer to it than 12 metres.
    """
    rng = np.random.default_rng([seed, 2])
    travel = step * frames
    traffic = []
    position = float(rng.uniform(14.0, 30.0))
    while position < road.end + travel:
        traffic.append(Traffic(position, -float(rng.uniform(0.62, 0.72)), -1, int(rng.integers(1 << 30))))
        position += float(rng.uniform(34.0, 70.0))
    slow = 0.8 * step
    traffic.append(Traffic(18.0, 1.15 * step, 1, int(rng.integers(1 << 30))))
    traffic.append(Traffic(22.0 + (travel - slow * frames), slow, 1, int(rng.integers(1 << 30))))
    return traffic


def build_traffic(road: Road, traffic: list[Traffic], frame_index: int, seen: tuple[float, float]) -> MeshBuilder:
    """The moving cars as they stand at one frame, those between the two stations `seen`."""
    builder = MeshBuilder(np.random.default_rng(0))
    first, last = max(seen[0], road.start + 6.0), min(seen[1], road.end - 6.0)
    for vehicle in traffic:
        s = vehicle.position(frame_index)
        if first < s < last:
            pose = road.frame(s, -LANE * vehicle.direction, 0.0, 0.0 if vehicle.direction > 0 else np.pi)
            looks = MeshBuilder(np.random.default_rng(vehicle.look), builder.world_T_local, builder.parts)
            car(looks.within(pose))
    return builder


def _segments(builder: MeshBuilder, road: Road, side: int) -> None:
    rng = builder.rng
    s, previous = road.start, -1
    while s < road.end - 4.0:
        length = float(np.floor(rng.uniform(11.0, 22.0)))
        end = min(s + length, np.floor(road.end))
        kind = int(rng.choice([k for k in range(6) if k != previous or k == 0]))
        yard = _YARDS[rng.integers(len(_YARDS))]
        stations = np.arange(s, end + 0.5)
        ribbon(
            builder,
            road,
            stations,
            side_profile(side, [YARD, 9, 11, 14, 22, 34, EDGE], [0.15, 0.16, 0.2, 0.25, 0.3, 0.4, -4.5]),
            yard,
        )
        _fill(builder, road, side, kind, 0.5 * (s + end), end - s)
        s, previous = end, kind


def _fill(builder: MeshBuilder, road: Road, side: int, kind: int, middle: float, length: float) -> None:
    """One segment: 0 row house, 1 house with a fence, 2 with a hedge, 3 trees, 4 a wall, 5 a billboard."""
    rng = builder.rng
    ground = builder.within(road.side_frame(middle, side, YARD, 0.12))
    # the outside of a bend is longer than the middle of the road, its inside shorter
    width = length * (0.93 if kind == 0 else 0.75)
    if kind == 0:
        floors = int(rng.integers(2, 5))
        building(ground.at(y=0.3), width, 10.0, floors, gable=rng.uniform() < 0.5, shop=rng.uniform() < 0.45)
        return
    if kind in (1, 2, 4):
        floors = int(rng.integers(1, 3))
        building(
            ground.at(y=float(rng.uniform(5, 8)), heading=float(rng.normal(0, 0.06))),
            width,
            8.0,
            floors,
            gable=rng.uniform() < 0.85,
        )
    if kind == 1:
        roadside.picket_fence(ground.at(y=0.25), length * 0.97)
    elif kind == 2:
        plants.hedge(ground.at(y=0.25), length * 0.95, float(rng.uniform(0.9, 1.9)))
    elif kind == 4:
        roadside.garden_wall(ground.at(y=0.2), length * 0.97, float(rng.uniform(1.1, 2.4)))
    elif kind == 5:
        roadside.billboard(ground.at(y=1.5, heading=float(rng.uniform(-0.9, 0.9))))
    for _ in range(int(length / (3.2 if kind in (3, 5) else 7.0))):
        x, y = float(rng.uniform(-0.48, 0.48)) * length, float(rng.uniform(1.4, 4.5 if kind != 3 else 22.0))
        spot = ground.at(x, y, 0.1)
        draw = rng.uniform()
        if draw < (0.55 if kind == 3 else 0.2):
            plants.tree(spot, float(rng.uniform(4.0, 9.5)))
        elif draw < (0.7 if kind == 3 else 0.3):
            plants.conifer(spot, float(rng.uniform(3.5, 8.0)))
        elif draw < 0.85:
            plants.bush(spot, float(rng.uniform(0.5, 1.1)))
        else:
            roadside.small_thing(spot)


def _kerbside(builder: MeshBuilder, road: Road, side: int) -> None:
    """Parked cars in the bays; lamp posts, signs, young trees and small things on the pavement."""
    rng = builder.rng
    s = road.start + 6.0 + float(rng.uniform(0, 5))
    while s < road.end - 6.0:
        if rng.uniform() < 0.45:
            turned = 0.0 if rng.uniform() < 0.85 else np.pi
            pose = road.side_frame(s, side, BAY + 1.05 + float(rng.normal(0, 0.1)))
            heading = (np.pi if side > 0 else 0.0) + turned + float(rng.normal(0, 0.02))
            car(builder.within(pose).at(heading=heading + (0.0 if side > 0 else np.pi)))
        s += 5.6
    for start, step, distance, put in (
        (8.0, 26.0, KERB + 0.45, roadside.lamp_post),
        (3.0, 15.0, KERB + 0.5, roadside.sign),
        (5.0, 9.0, YARD - 0.5, roadside.small_thing),
    ):
        for station in np.arange(road.start + start, road.end - 2.0, step):
            where = float(station + rng.uniform(0, 0.7) * step)
            put(builder.within(road.side_frame(where, side, distance, 0.13)))
    for station in np.arange(road.start + 4.0, road.end - 2.0, 12.0):
        if rng.uniform() < 0.35:
            where = float(station + rng.uniform(0, 6))
            plants.tree(builder.within(road.side_frame(where, side, KERB + 0.9, 0.13)), float(rng.uniform(4.5, 7.5)))


def _backdrop(builder: MeshBuilder, road: Road, side: int) -> None:
    """Rows of houses and trees behind the first ones, so that gaps do not open on nothing."""
    rng = builder.rng
    for station in np.arange(road.start, road.end, 8.0):
        where, distance = float(station + rng.uniform(-3, 3)), float(rng.uniform(24, 38))
        spot = builder.within(road.side_frame(where, side, distance, 0.2))
        if rng.uniform() < 0.25:
            building(spot, float(rng.uniform(8, 13)), 8.0, int(rng.integers(2, 5)), gable=True, far=True)
        else:
            plants.tree(spot, float(rng.uniform(7.0, 13.0)), far=True)


def _end_of_road(builder: MeshBuilder, road: Road) -> None:
    """A wood closes the view ahead and hills stand behind it."""
    rng = builder.rng
    for _ in range(46):
        s, d = road.end - float(rng.uniform(0, 14)), float(rng.uniform(-42, 42))
        plants.tree(builder.within(road.frame(s, d, -0.3)), float(rng.uniform(8, 15)), far=True)
    middle = road.points(0.5 * (road.start + road.end), 0.0)
    reach = 0.5 * (road.end - road.start) + 160.0
    angle = np.linspace(0, 2 * np.pi, 73)
    rise = 26.0 + 9.0 * np.sin(5 * angle + 1) + 7.0 * np.sin(11 * angle + 2) + 4.0 * np.sin(23 * angle)
    hill: NDArray[np.float64] = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    wood = Surface("leaves", (0.32, 0.42, 0.26), 60.0)
    for i in range(72):
        foot = middle + hill[[i, i + 1]] * reach - [0, 0, 6]
        crest = middle + hill[[i, i + 1]] * (reach + 90) + [0, 0, 1] * rise[[i, i + 1], None]
        builder.quad([foot[1], foot[0], crest[0], crest[1]], wood)
