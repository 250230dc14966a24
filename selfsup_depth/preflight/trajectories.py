"""What poses on disk may mean, and how well each reading of them explains what moved in the pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from geometry.se3 import invert_transform
from selfsup_depth.errors import UserError
from selfsup_depth.preflight.footage import Footage, Moment, Pair
from selfsup_depth.preflight.point_depths import fit_of_motion

AS_SAID = "camera to world, as the reader gives it"
#: y up and z backwards, as OpenGL and Blender have it.
GL = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64))
#: x forward, y left, z up, as robots have it: maps camera axes to these.
BODY_T_CAMERA = torch.tensor(
    [[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64
)  # fmt: skip
#: How a matrix given as world_T_camera becomes one, if it is ...
READINGS: dict[str, Callable[[Tensor], Tensor]] = {
    AS_SAID: lambda given: given,
    "world to camera (the inverse)": invert_transform,
    "camera to world with OpenGL's axes (y up, z backwards)": lambda given: given @ GL,
    "world to camera with OpenGL's axes (y up, z backwards)": lambda given: invert_transform(given) @ GL,
    "body to world with a robot's axes (x forward, z up)": lambda given: given @ BODY_T_CAMERA,
}
#: A pair says something of its poses when its points moved by this part of the picture's width in the median.
LEAST_FLOW = 0.0016


def relative_motion(moment: Moment, pair: Pair, reading: str = AS_SAID) -> Tensor | None:
    """[4, 4] neighbour_T_target if the poses are to be read so; None without poses."""
    try:
        target, source = moment.world_T_camera(pair.first.view), moment.world_T_camera(pair.second.view)
    except UserError:
        return None
    if target is None or source is None:
        return None
    read = READINGS[reading]
    return invert_transform(read(source)) @ read(target)


def posed_pairs(footage: Footage) -> list[tuple[Moment, Pair]]:
    """Moving pairs with poses and intrinsics in which enough points were found."""
    return [
        (moment, pair)
        for moment in footage.moments
        for pair in moment.in_time
        if pair.shows_the_same
        and pair.flow >= LEAST_FLOW
        and pair.first.intrinsics is not None
        and pair.second.intrinsics is not None
        and relative_motion(moment, pair) is not None
    ]


def explained(pairs: list[tuple[Moment, Pair]], reading: str = AS_SAID, focal_factor: float = 1.0) -> float:
    """Share of the matched points that the poses, read so, explain; median over the pairs."""
    shares = []
    for moment, pair in pairs:
        motion = relative_motion(moment, pair, reading)
        assert motion is not None  # posed_pairs chose them
        consistent, _, _ = fit_of_motion(pair, motion, focal_factor)
        shares.append(consistent.double().mean())
    return float(torch.stack(shares).median()) if shares else 0.0
