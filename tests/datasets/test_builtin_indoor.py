"""The built-in rooms on disk: layout, exactness through the ordinary reader and warp, several processes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from geometry.projection import project, transform_points, unproject
from geometry.warp import sample as look_up
from geometry.warp import warp
from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.datasets.builtin import ensure_builtin_indoor, indoor
from selfsup_depth.datasets.builtin.camera import render_depth
from selfsup_depth.datasets.builtin.rooms import RoomScene
from selfsup_depth.errors import UserError

pytest.importorskip("embreex", reason="the renderer of the built-in data needs embreex")

FRAMES, SIZE = 16, 96  # two rooms
LISTED = {"train": 12, "val": 2, "test": 2}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rooms on disk, rendered by two processes."""
    return ensure_builtin_indoor(tmp_path_factory.mktemp("cache"), frames=FRAMES, size=SIZE, workers=2)


@cache
def room_scene(room: int) -> RoomScene:
    return RoomScene(FRAMES // 2, 0, room)


def depth_map(root: Path, room: int, frame: int, side: int) -> Tensor:
    depth = np.load(root / f"room_{room}" / f"{frame:03d}_{side}_depth.npy")
    assert depth.dtype == np.float32 and depth.shape == (SIZE, SIZE)
    return torch.from_numpy(depth)[None, None]


def poses(root: Path, room: int) -> Tensor:
    rows = torch.from_numpy(np.loadtxt(root / f"room_{room}" / "poses.txt").reshape(-1, 3, 4))
    last = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]], dtype=torch.float64).expand(len(rows), 1, 4)
    return torch.cat([rows, last], dim=1).float()


def matt(room: int, frame: int) -> Tensor:
    """[H, W] pixels of the left picture that do not shine."""
    scene = room_scene(room)
    _, triangle = render_depth(scene.shader, indoor.indoor_camera(SIZE), scene.world_T_left[frame])
    mesh = scene.shader.mesh
    return torch.from_numpy((triangle >= 0) & (mesh.gloss[triangle] == 0) & (mesh.mirror[triangle] == 0))


def warp_error(
    target: Tensor, source: Tensor, depth: Tensor, source_depth: Tensor, K: Tensor, motion: Tensor, mask: Tensor
) -> tuple[float, float]:
    """Mean difference in grey levels where both see the same surface, and the share of such pixels."""
    warped = warp(source, depth, K, K, motion)
    _, z = project(transform_points(motion, unproject(depth, K)), K)
    same = (look_up(source_depth, warped.pixels) - z).abs() < 0.03 * z
    chosen = (same & warped.valid)[0, 0] & mask
    return float((warped.image - target).abs().mean(dim=1)[0][chosen].mean()), float(chosen.float().mean())


def test_the_layout_is_that_of_simsin(root):
    for room in (0, 1):
        names = {path.name for path in (root / f"room_{room}").iterdir()}
        stems = {f"{n:03d}_{side}" for n in range(FRAMES // 2) for side in (0, 1)}
        assert names == {f"{s}.png" for s in stems} | {f"{s}_depth.npy" for s in stems} | {"poses.txt"}
    lines = {name: (root / "splits" / f"{name}_files.txt").read_text().splitlines() for name in LISTED}
    assert {name: len(found) for name, found in lines.items()} == LISTED
    assert lines["train"][:3] == ["room_0/001_0 1 l", "room_0/001_1 1 r", "room_0/002_0 2 l"]
    assert lines["val"] == lines["test"] == ["room_0/004_0 4 l", "room_1/004_0 4 l"]


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_ordinary_reader_reads_it(root, part):
    request = DatasetRequest(SIZE, SIZE, (0, -1, 1, "s"), root, part, root / "splits", with_depth=True)
    data = build_dataset("simsin", request)
    assert len(data) == LISTED[part]
    item = data[0]
    frame = int(data.name(0).split("/")[1][:3])
    assert item.depth is not None and torch.equal(item.depth, depth_map(root, 0, frame, 0)[0])


@pytest.mark.parametrize("room", [0, 1])
def test_depth_baseline_and_intrinsics_of_the_reader_fit_the_pictures(root, room):
    """The right picture, warped by what the reader says of the rig, is the left one."""
    request = DatasetRequest(SIZE, SIZE, (0, "s"), root, lines=(f"room_{room}/003_0 3 l",))
    item = build_dataset("simsin", request)[0]
    left, right = item.images[:, None].float()
    depth, other = depth_map(root, room, 3, 0), depth_map(root, room, 3, 1)
    K, motion = item.intrinsics[:1], item.stereo_T_target
    assert motion is not None
    error, share = warp_error(left, right, depth, other, K, motion[None], matt(room, 3))
    assert share > 0.6 and error < 4.0
    assert 3 * error < (left - right).abs().mean()


@pytest.mark.parametrize("room", [0, 1])
def test_poses_explain_the_next_picture(root, room):
    request = DatasetRequest(SIZE, SIZE, (0, 1), root, lines=(f"room_{room}/003_0 3 l",))
    item = build_dataset("simsin", request)[0]
    here, following = item.images[:, None].float()
    world_T_camera = poses(root, room)
    motion = torch.linalg.inv(world_T_camera[4:5]) @ world_T_camera[3:4]
    maps = depth_map(root, room, 3, 0), depth_map(root, room, 4, 0)
    error, share = warp_error(here, following, *maps, item.intrinsics[:1], motion, matt(room, 3))
    assert share > 0.6 and error < 5.0
    assert 0.01 < motion[0, :3, 3].norm() < 0.15


def test_rooms_are_as_large_as_rooms_and_differ(root):
    medians = []
    for room in (0, 1):
        depth = torch.cat([depth_map(root, room, n, side) for n in range(FRAMES // 2) for side in (0, 1)])
        assert (depth >= 0).all() and depth[depth > 0].min() > 0.1 and (depth == 0).float().mean() < 0.2
        medians.append(float(depth[depth > 0].median()))
        assert 0.8 < medians[-1] < 4.0
    assert room_scene(0).size != room_scene(1).size


def test_this_process_renders_the_same_bytes_as_the_others(root, tmp_path):
    for index, room in ((7, 0), (11, 1)):
        (tmp_path / f"room_{room}").mkdir()
        indoor._render_frame(indoor.IndoorSettings(FRAMES, SIZE, 0), tmp_path, index)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert len(files) == 8 and {"007_0.png", "007_1_depth.npy", "003_1.png", "003_0_depth.npy"} <= names
    for path in files:
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes(), path


def test_a_second_call_renders_nothing(root, monkeypatch):
    monkeypatch.setattr(indoor, "_render_frame", None)
    assert ensure_builtin_indoor(root.parent, frames=FRAMES, size=SIZE, workers=1) == root


@pytest.mark.parametrize(
    ("frames", "expected"), [(5, (5,)), (16, (8, 8)), (17, (9, 8)), (150, (30,) * 5), (203, (41, 41, 41, 40, 40))]
)
def test_frames_are_shared_out_among_rooms(frames, expected):
    assert indoor.IndoorSettings(frames, 64, 0).frames_of_rooms == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 4}, "frames=4"),
        ({"frames": 5001}, "frames=5001"),
        ({"size": 8}, "size=8"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_senseless_numbers_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        ensure_builtin_indoor(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
