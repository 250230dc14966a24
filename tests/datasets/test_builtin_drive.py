"""The built-in drive on disk: layout, calibration, and exactness by warping with plain numpy."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.datasets.builtin import drive, ensure_builtin_drive
from selfsup_depth.datasets.builtin.camera import render_depth
from selfsup_depth.datasets.builtin.drive_scene import STEP, DriveScene
from selfsup_depth.datasets.builtin.rig import Rig
from selfsup_depth.datasets.builtin.splitting import split_frames
from selfsup_depth.datasets.builtin.street import plan_traffic
from selfsup_depth.errors import UserError
from tests.datasets.builtin_files import (
    DATE,
    DRIVE,
    bilinear,
    calibration,
    cameras,
    clipped,
    depth_map,
    lies_on_a_plane,
    picture,
    poses,
    translation,
    warp,
)

pytest.importorskip("embreex", reason="the renderer of the built-in data needs embreex")

FRAMES, HEIGHT, WIDTH = 6, 64, 208


@pytest.fixture(scope="module")
def scene() -> DriveScene:
    return DriveScene(FRAMES, 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, scene: DriveScene) -> Path:
    """A drive on disk, rendered from the scene that the tests look into."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drive, "_scene", Scenes(scene))
        return ensure_builtin_drive(cache, frames=FRAMES, height=HEIGHT, width=WIDTH, workers=1)


class Scenes:
    """Stands for the cache of scenes, so that the street is built once for all tests."""

    def __init__(self, scene: DriveScene) -> None:
        self.scene = scene

    def __call__(self, frames: int, seed: int) -> DriveScene:
        assert (frames, seed) == (self.scene.frames, self.scene.seed)
        return self.scene

    def cache_clear(self) -> None:
        pass


def matt_and_still(scene: DriveScene, frame: int) -> np.ndarray:
    """Pixels of the left picture that neither shine nor move."""
    rig, shader = Rig(WIDTH, HEIGHT), scene.shader(frame)
    _, triangle = render_depth(shader, rig.camera, scene.world_T_rect[frame] @ rig.rect_T_camera(2))
    mesh = shader.mesh
    return (triangle >= 0) & (mesh.gloss[triangle] == 0) & (mesh.mirror[triangle] == 0) & ~mesh.moving[triangle]


def test_the_layout_is_that_of_kitti_raw(root):
    for folder, suffix in (
        ("image_02/data", "png"), ("image_03/data", "png"), ("velodyne_points/data", "bin"), ("oxts/data", "txt"),
        ("proj_depth/groundtruth/image_02", "png"), ("proj_depth/groundtruth/image_03", "png"),
    ):  # fmt: skip
        names = sorted(path.name for path in (root / DRIVE / folder).iterdir())
        assert names == [f"{n:010d}.{suffix}" for n in range(FRAMES)]
    assert picture(root, 2, 0).shape == (HEIGHT, WIDTH, 3)
    stamps = (root / DRIVE / "image_02" / "timestamps.txt").read_text().splitlines()
    assert len(stamps) == FRAMES and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}", stamps[1])
    manifest = json.loads((root / "manifest.json").read_text())
    assert (manifest["frames"], manifest["height"], manifest["width"], manifest["seed"]) == (FRAMES, HEIGHT, WIDTH, 0)


def test_the_calibration_has_kittis_entries(root):
    values = calibration(root / DATE / "calib_cam_to_cam.txt")
    sizes = {"S": 2, "K": 9, "D": 5, "R": 9, "T": 3, "S_rect": 2, "R_rect": 9, "P_rect": 12}
    for key, size in sizes.items():
        for number in range(4):
            assert values[f"{key}_0{number}"].shape == (size,)
    K, x = cameras(root)
    assert K[0, 0] == pytest.approx(0.58 * WIDTH) and K[:2, 2] == pytest.approx([0.4908 * WIDTH, 0.461 * HEIGHT])
    assert x[3] - x[2] == pytest.approx(0.54) and x[0] == 0
    for name, keys in (("velo_to_cam", "R T delta_f delta_c"), ("imu_to_velo", "R T")):
        assert set(calibration(root / DATE / f"calib_{name}.txt")) == set(keys.split())


def test_unrectified_cameras_agree_with_the_rectified_ones(root):
    """x_rect = R_rect (R x + T) for every camera: the rig is one."""
    values = calibration(root / DATE / "calib_cam_to_cam.txt")
    _, x = cameras(root)
    for number in range(4):
        shift = values[f"R_rect_0{number}"].reshape(3, 3) @ values[f"T_0{number}"]
        assert shift == pytest.approx([-x[number], 0, 0], abs=1e-9)


@pytest.mark.parametrize("frame", [0, 3])
def test_true_depth_turns_the_right_picture_into_the_left(root, scene, frame):
    K, x = cameras(root)
    left, depth = picture(root, 2, frame), depth_map(root, 2, frame)
    right = (picture(root, 3, frame), depth_map(root, 3, frame))
    seen = matt_and_still(scene, frame)

    def error(factor: float) -> float:
        made, same = warp(depth, K, translation((x[2] - x[3]) * factor), *right)
        return float(np.abs(made - left).mean(axis=-1)[same_surface & seen].mean())

    same_surface = warp(depth, K, translation(x[2] - x[3]), *right)[1]
    assert (same_surface & seen).mean() > 0.35
    assert error(1.0) < 4.0 < 2 * error(1.0) < min(error(0.8), error(1.2), error(-1.0), error(0.0))


@pytest.mark.parametrize("frame", [0, 3])
def test_true_depth_and_motion_turn_the_next_picture_into_this(root, scene, frame):
    K, x = cameras(root)
    world_T_camera = poses(root) @ translation(x[2])
    motion = np.linalg.inv(world_T_camera[frame + 1]) @ world_T_camera[frame]
    here, depth = picture(root, 2, frame), depth_map(root, 2, frame)
    following = (picture(root, 2, frame + 1), depth_map(root, 2, frame + 1))
    made, same = warp(depth, K, motion, *following)
    chosen = same & matt_and_still(scene, frame)
    assert chosen.mean() > 0.3
    error = np.abs(made - here).mean(axis=-1)[chosen].mean()
    still = np.abs(following[0] - here).mean(axis=-1)[chosen].mean()
    shifted = np.abs(warp(depth, K + [[0, 0, 1], [0, 0, 1], [0, 0, 0]], motion, *following)[0] - here)
    assert error < 6.0 and 2 * error < still
    assert error < shifted.mean(axis=-1)[chosen].mean()  # the origin of the pixels matters


def test_motion_is_a_car_driving_forwards(root):
    world_T_camera = poses(root)
    assert world_T_camera[0] == pytest.approx(np.eye(4))
    steps = np.linalg.inv(world_T_camera[:-1]) @ world_T_camera[1:]
    assert ((steps[:, 2, 3] > 0.45) & (steps[:, 2, 3] < 0.95)).all()
    assert (np.abs(steps[:, :2, 3]) < 0.1).all()


def test_laser_points_lie_on_the_depth_map(root):
    """Through the files alone: P_rect R_rect velo_to_cam, at pixels whose surroundings are smooth."""
    values = calibration(root / DATE / "calib_cam_to_cam.txt")
    velo = calibration(root / DATE / "calib_velo_to_cam.txt")
    R_rect = values["R_rect_00"].reshape(3, 3)
    for frame in (0, 5):
        points = np.fromfile(root / DRIVE / "velodyne_points" / "data" / f"{frame:010d}.bin", np.float32).reshape(-1, 4)
        assert len(points) > 5000 and points[:, 0].min() > 0 and (points[:, 3] >= 0).all() and points[:, 3].max() <= 1
        rect = (points[:, :3] @ velo["R"].reshape(3, 3).T + velo["T"]) @ R_rect.T
        image = np.concatenate([rect, np.ones((len(rect), 1))], axis=1) @ values["P_rect_02"].reshape(3, 4).T
        z, uv = image[:, 2], image[:, :2] / image[:, 2:] + 0.5
        inside = (uv > 1.0).all(axis=1) & (uv < [WIDTH - 1.0, HEIGHT - 1.0]).all(axis=1)
        z, (u, v) = z[inside], uv[inside].T
        depth = depth_map(root, 2, frame)
        smooth = lies_on_a_plane(depth)[clipped(v - 0.5, HEIGHT), clipped(u - 0.5, WIDTH)]
        with np.errstate(divide="ignore"):
            found = 1.0 / bilinear(1.0 / depth, u, v)  # 1 / z is linear on a plane
        error = np.abs(found - z)[smooth]
        assert len(error) > 1000
        assert np.median(error) < 1 / 256
        assert (error < 1 / 256 + 1e-3 * z[smooth]).mean() > 0.98  # the rest: seen past an edge by one of both


def test_oxts_and_poses_tell_the_same_motion(root):
    packets = np.stack([np.loadtxt(path) for path in sorted((root / DRIVE / "oxts" / "data").iterdir())])
    assert packets.shape == (FRAMES, 30)
    radius, start = 6378137.0, np.radians(packets[0, 0])
    east = radius * np.cos(start) * np.radians(packets[:, 1] - packets[0, 1])
    north = radius * np.radians(packets[:, 0] - packets[0, 0])
    driven = np.hypot(np.diff(east), np.diff(north))
    assert driven == pytest.approx(np.linalg.norm(np.diff(poses(root)[:, :3, 3], axis=0), axis=1), abs=0.03)
    assert packets[1:-1, 8] == pytest.approx((driven[1:] + driven[:-1]) / 0.2, rel=0.03)  # forward speed


def test_lists_hold_out_the_end_with_a_guard(root):
    lists = {
        name: (root / "splits" / f"{name}_files.txt").read_text().splitlines() for name in ("train", "val", "test")
    }
    assert lists == {
        "train": [f"{DRIVE} 4 {side}" for side in "lr"],
        "val": [f"{DRIVE} 2 l"],
        "test": [f"{DRIVE} 2 l"],
    }


@pytest.mark.parametrize("frames", [6, 14, 30, 60, 200, 333])
def test_no_held_out_picture_is_seen_in_training(frames):
    training, held_out = split_frames(frames)
    seen = {n + offset for n in training for offset in (-1, 0, 1)}
    assert not seen & set(held_out)
    assert training
    assert seen | {n + offset for n in held_out for offset in (-1, 0, 1)} <= set(range(frames))
    if frames >= 60:
        assert 0.13 <= len(held_out) / frames <= 0.17


def test_held_out_blocks_are_spread_over_the_drive():
    _, held_out = split_frames(200)
    assert held_out == [n for first in (17, 57, 97, 137, 177) for n in range(first, first + 6)]


def test_something_moves_by_itself_and_its_depth_is_exact(root, scene):
    """A moving car covers pixels in consecutive frames, where the camera's motion alone explains nothing."""
    rig = Rig(WIDTH, HEIGHT)
    K, x = cameras(root)
    world_T_camera = poses(root) @ translation(x[2])
    shares, errors = [], []
    for frame in range(FRAMES - 1):
        shader = scene.shader(frame)
        pose = scene.world_T_rect[frame] @ rig.rect_T_camera(2)
        exact, triangle = render_depth(shader, rig.camera, pose)
        moving = (triangle >= 0) & shader.mesh.moving[triangle]
        shares.append(moving.mean())
        depth = depth_map(root, 2, frame)
        known = exact <= 250
        assert np.abs(depth - exact)[known].max() <= 0.5 / 256 + 1e-9 and (depth[~known] == 0).all()
        motion = np.linalg.inv(world_T_camera[frame + 1]) @ world_T_camera[frame]
        made, _ = warp(depth, K, motion, picture(root, 2, frame + 1), depth_map(root, 2, frame + 1))
        errors.append(np.abs(made - picture(root, 2, frame)).mean(axis=-1)[moving].mean())
    assert min(shares) > 0.003 and np.mean(errors) > 8.0


def test_traffic_keeps_its_speed_and_its_distance():
    scene = DriveScene(200, 0)
    traffic = plan_traffic(scene.road, 0, scene.frames, STEP)
    assert {vehicle.direction for vehicle in traffic} == {1, -1}
    for vehicle in traffic:
        steps = np.diff([vehicle.position(n) for n in range(200)])
        assert steps == pytest.approx(vehicle.step) and np.sign(vehicle.step) == vehicle.direction
        if vehicle.direction == 1:
            gaps = [vehicle.position(n) - scene.stations[n] for n in range(200)]
            assert min(gaps) > 12.0


def test_depth_is_distributed_as_on_a_road(root):
    depth = np.stack([depth_map(root, 2, n) for n in range(FRAMES)])
    assert depth.max() <= 250 and 0.03 < (depth == 0).mean() < 0.5  # the sky
    near = depth[(depth > 0) & (depth < 80)]
    assert 6 < np.median(near) < 18 and near.min() > 1.0 and np.percentile(near, 95) > 30
    constant = min(np.mean(np.abs(guess - near) / near) for guess in np.linspace(3, 30, 55))
    assert 0.35 < constant < 0.75


def test_the_ordinary_reader_reads_it(root):
    request = DatasetRequest(32, 96, (0, -1, 1, "s"), root, split=root / "splits", with_depth=True)
    data = build_dataset("builtin", request)
    assert len(data) == 2 and data.report.kept == 2
    sample = data[0]
    assert sample.images.shape == (4, 3, 32, 96)
    assert sample.intrinsics[0, 0, 2] == pytest.approx(0.4908 * 96)
    assert sample.stereo_T_target is not None and sample.stereo_T_target[0, 3] == pytest.approx(-0.54)
    assert sample.depth is not None and np.array_equal(sample.depth[0].numpy(), depth_map(root, 2, 4))


def test_a_second_call_renders_nothing(root, monkeypatch):
    monkeypatch.setattr(drive, "_render_frame", None)
    again = ensure_builtin_drive(root.parent, frames=FRAMES, height=HEIGHT, width=WIDTH, workers=1)
    assert again == root


def test_the_same_seed_gives_the_same_bytes(root, tmp_path):
    """From a street built anew."""
    settings = drive.DriveSettings(FRAMES, HEIGHT, WIDTH, 0)
    drive._render_frame(settings, tmp_path, 2)
    drive._scene.cache_clear()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 5
    for path in files:
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes(), path


def test_another_seed_is_another_road():
    first, second = DriveScene(5, 0), DriveScene(5, 1)
    assert not np.allclose(first.world_T_rect, second.world_T_rect)
    assert first.lighting.sun_direction != second.lighting.sun_direction


@pytest.mark.parametrize(
    ("options", "message"),
    [({"frames": 4}, "frames=4"), ({"height": 8}, "height=8"), ({"width": 2}, "width=2"), ({"seed": -1}, "seed=-1")],
)
def test_senseless_numbers_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        ensure_builtin_drive(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_without_embreex_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "embreex.rtcore_scene", None)
    with pytest.raises(UserError, match="pip install embreex"):
        ensure_builtin_drive(tmp_path, frames=6, height=32, width=64, workers=1)
    assert list(tmp_path.iterdir()) == []
