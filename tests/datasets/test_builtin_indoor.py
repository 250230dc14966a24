"""The built-in rooms on disk: layout, exactness through the ordinary reader and warp, several processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.warp import sample as look_up
from geometry.warp import warp
from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.datasets.builtin import ensure_builtin_indoor, indoor
from selfsup_depth.datasets.builtin.camera import render_depth
from selfsup_depth.datasets.builtin.rooms import RoomScene
from selfsup_depth.errors import UserError

pytest.importorskip("embreex", reason="the renderer of the built-in data needs embreex")

FRAMES, SIZE = 16, 96  # two rooms


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_builtin_indoor(tmp_path_factory.mktemp("cache"), frames=FRAMES, size=SIZE, workers=1)


def depth_map(root: Path, room: int, frame: int, side: int) -> Tensor:
    depth = np.load(root / f"room_{room}" / f"{frame:03d}_{side}_depth.npy")
    assert depth.dtype == np.float32 and depth.shape == (SIZE, SIZE)
    return torch.from_numpy(depth)[None, None]


def same_surface(depth: Tensor, K: Tensor, source_T_target: Tensor, source_depth: Tensor) -> Tensor:
    """Where the source sees what the target sees, and nothing nearer is beside it: [H, W] bool."""
    seen = warp(source_depth, depth, K, K, source_T_target)
    rays = torch.linalg.inv(K[0].double()) @ torch.tensor(np.mgrid[0:SIZE, 0:SIZE][::-1].reshape(2, -1) + 0.5).pipe() \
        if False else None  # noqa: F841
    return seen.valid[0, 0]


def matt(room: int, frame: int) -> Tensor:
    scene = RoomScene(FRAMES // 2, 0, room)
    _, triangle = render_depth(scene.shader, indoor.indoor_camera(SIZE), scene.world_T_left[frame])
    mesh = scene.shader.mesh
    return torch.from_numpy((triangle >= 0) & (mesh.gloss[triangle] == 0) & (mesh.mirror[triangle] == 0))
