"""How well a neighbour, warped by the poses and cameras that a reader tells, reproduces its target."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from geometry.se3 import invert_transform
from geometry.warp import warp
from selfsup_depth.datasets import ViewSource
from splits import SplitLine


def warp_error(
    source: ViewSource,
    target: SplitLine,
    neighbour: SplitLine,
    depth: np.ndarray,
    *,
    invert: bool = False,
    shift: float = 0.0,
) -> float:
    """Mean absolute difference, in grey levels of 255, where the warp is valid.

    `depth` [h, w] is the target's. What must not be: `invert` takes the poses the other way round, `shift` moves the
    principal point by pixels.
    """
    views = [source.read_image(view).double()[None] for view in (target, neighbour)]
    cameras = [_camera(source, view, shift) for view in (target, neighbour)]
    poses = [source.world_T_camera(view) for view in (target, neighbour)]
    assert poses[0] is not None and poses[1] is not None
    assert poses[0].dtype == torch.float64 and poses[0].shape == (4, 4)
    if invert:
        poses = [invert_transform(pose) for pose in poses]
    source_T_target = invert_transform(poses[1]) @ poses[0]
    warped = warp(views[1], torch.from_numpy(depth).double()[None, None], *cameras, source_T_target[None])
    assert warped.valid.double().mean() > 0.5 or invert
    return float((warped.image - views[0]).abs().mean(1, keepdim=True)[warped.valid].mean())


def _camera(source: ViewSource, view: SplitLine, shift: float) -> Tensor:
    height, width = source.read_image(view).shape[-2:]
    matrix = source.intrinsics(view, width, height).double().clone()
    matrix[:2, 2] += shift
    return matrix[None]
