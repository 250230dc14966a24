"""predict_depth.py on the pictures of a raw lens or rig: seen as training saw them, against depth in closed form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml
from lens_footage import BARREL, FISHEYE, see_wall
from painted_depth import HEIGHT, WIDTH, painted, red_of, write_painted_checkpoint
from PIL import Image
from scipy.spatial.transform import Rotation
from video_files import write_video

from selfsup_depth.errors import UserError

pytest.importorskip("cv2", reason="undistortion needs OpenCV (extra `video`)")


def numbers(camera) -> dict:
    (fx, _, cx), (_, fy, cy), _ = camera.intrinsics.tolist()
    found = {"fx": fx, "fy": fy, "cx": cx, "cy": cy, "distortion": list(camera.distortion)}
    return found | ({"model": "fisheye"} if camera.model == "fisheye" else {})


def write_calibration(folder: Path, content: dict) -> None:
    size = {"image_width": BARREL.size[0], "image_height": BARREL.size[1], "pixel_origin": "corner"}
    (folder / "calib.yaml").write_text(yaml.safe_dump(size | content))


def take_picture(path: Path, camera, left_R_camera: np.ndarray | None = None) -> Path:
    """The wall through a lens, painted so that its depth is read off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(painted(red_of(see_wall(camera, left_R_camera)[1]))).save(path)
    return path


def wall_depth(intrinsics: np.ndarray, camera_R_seen: np.ndarray | None = None) -> np.ndarray:
    """Depth along the recorded camera's axis at the pixels of a pinhole camera that may look elsewhere."""
    columns, rows = np.meshgrid(np.arange(BARREL.size[0]) + 0.5, np.arange(BARREL.size[1]) + 0.5)
    rays = np.stack([columns, rows, np.ones_like(columns)], axis=-1) @ np.linalg.inv(intrinsics).T
    rays = rays if camera_R_seen is None else rays @ camera_R_seen.T
    return 6.0 / (1 - 0.3 * rays[..., 0] / rays[..., 2])


def predicted(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Depth and the intrinsics that the sidecar tells."""
    facts = json.loads((folder / f"{name}.json").read_text())
    return np.load(folder / f"{name}_depth.npy"), np.array(facts["intrinsics"])


@pytest.mark.parametrize("lens", [BARREL, FISHEYE], ids=["barrel", "fisheye"])
def test_a_lens(predict, tmp_path, lens, capsys):
    picture = take_picture(tmp_path / "photos" / "a.png", lens)
    write_calibration(picture.parent, numbers(lens))
    assert predict(picture.parent, "--undistort", "--outputs", "npy", "ply") == 0
    depth, intrinsics = predicted(tmp_path / "out", "a")
    error = np.abs(depth / wall_depth(intrinsics) - 1)
    assert error.max() < 0.03 and error.mean() < 0.004  # 8 bits of red, and the network's fewer pixels
    assert "calib.yaml, undistorted" in capsys.readouterr().out
    x, _, z = np.asarray(trimesh.load(tmp_path / "out" / "a_depth.ply").vertices).T
    assert np.abs(z - 0.3 * x - 6).mean() < 0.04  # the plane of the wall

    assert predict(picture.parent) == 0
    raw = np.abs(np.load(tmp_path / "out" / "a_depth.npy") / wall_depth(intrinsics) - 1)
    assert raw.mean() > 2.5 * error.mean()
    printed = capsys.readouterr().out
    assert "a.png is of a lens with distortion" in printed and "--undistort takes it out first" in printed


@pytest.mark.parametrize("stereo", [True, False])
def test_a_raw_rig(predict, tmp_path, stereo):
    """Of training with stereo its level rows are seen again; without it only the lens is taken out."""
    left_R_right = Rotation.from_euler("xyz", (0.03, -0.06, 0.04)).as_matrix()
    take_picture(tmp_path / "rig" / "left" / "a_0001.png", BARREL)
    take_picture(tmp_path / "rig" / "right" / "a_0001.png", FISHEYE, left_R_right)
    motion = {"rotation": left_R_right.T.tolist(), "translation_m": (-left_R_right.T @ [0.4, 0.02, -0.03]).tolist()}
    write_calibration(tmp_path / "rig", {"left": numbers(BARREL), "right": numbers(FISHEYE), **motion})
    weights = write_painted_checkpoint(tmp_path / "trained", frame_ids=(0, "s") if stereo else (0, -1, 1))
    assert predict(tmp_path / "rig" / "left", "--undistort", "--outputs", "npy", load=weights) == 0
    depth, intrinsics = predicted(tmp_path / "out", "a_0001")
    baseline = np.array([0.4, 0.02, -0.03])
    turned = depth / wall_depth(intrinsics, level_camera(baseline, left_R_right))
    straight = depth / wall_depth(intrinsics)
    fits, other = (turned, straight) if stereo else (straight, turned)
    assert np.abs(fits - 1).mean() < 0.01 < 0.015 < np.abs(other - 1).mean()


def level_camera(baseline: np.ndarray, left_R_right: np.ndarray) -> np.ndarray:
    """Axes of the rectified pair in the left camera: x along the baseline, z between both cameras' (Bouguet)."""
    x = baseline / np.linalg.norm(baseline)
    half = Rotation.from_rotvec(Rotation.from_matrix(left_R_right).as_rotvec() / 2).as_matrix()
    z = half[:, 2] - x * (half[:, 2] @ x)
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def test_a_distance_in_millimetres(predict, tmp_path, capsys):
    """As OpenCV's stereo calibration leaves it: the same option as in training."""
    take_picture(tmp_path / "rig" / "left" / "a_0001.png", BARREL)
    matrix = (BARREL.intrinsics.numpy() - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]).tolist()
    pair = {"M1": matrix, "D1": list(BARREL.distortion), "M2": matrix, "D2": list(BARREL.distortion)}
    content = pair | {"R": np.eye(3).tolist(), "T": [-400.0, 0.0, 0.0]}
    content |= {"image_width": BARREL.size[0], "image_height": BARREL.size[1]}
    (tmp_path / "rig" / "calib.yaml").write_text(yaml.safe_dump(content))
    assert predict(tmp_path / "rig" / "left") == 0  # which needs no distance
    assert "is of a lens with distortion" in capsys.readouterr().out
    with pytest.raises(UserError, match="T has the length 400.*--baseline"):
        predict(tmp_path / "rig" / "left" / "a_0001.png", "--undistort")
    assert predict(tmp_path / "rig" / "left", "--undistort", "--baseline", "0.4", "--outputs", "npy") == 0
    depth, intrinsics = predicted(tmp_path / "out", "a_0001")
    assert np.abs(depth / wall_depth(intrinsics) - 1).mean() < 0.006


def test_a_picture_without_distortion_stays_as_it_is(predict, tmp_path, save, ramp, capsys):
    picture = save(tmp_path / "photos" / "a.png", ramp)
    camera = {"image_width": WIDTH, "image_height": HEIGHT, "fx": 50, "fy": 50, "cx": 32, "cy": 24}
    (picture.parent / "calib.yaml").write_text(yaml.safe_dump(camera | {"pixel_origin": "corner"}))
    assert predict(picture, "--outputs", "npy") == 0
    before = np.load(tmp_path / "out" / "a_depth.npy")
    assert predict(picture, "--outputs", "npy", "--undistort") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "a_depth.npy"), before)
    printed = capsys.readouterr().out
    assert "undistorted" not in printed and "distortion" not in printed


def test_nobody_asks_for_the_lens_where_it_cannot_be_told(predict, tmp_path, capsys):
    picture = take_picture(tmp_path / "photos" / "a.png", BARREL)
    write_calibration(picture.parent, numbers(BARREL))
    (picture.parent / "calib.json").write_text("{}")  # a second one
    assert predict(picture) == 0
    (picture.parent / "calib.yaml").unlink()  # no camera in the other
    assert predict(picture) == 0
    assert "distortion" not in capsys.readouterr().out


@pytest.mark.parametrize(("layout", "axis"), [("side_by_side", 1), ("top_bottom", 0)])
def test_a_video_with_both_images_in_a_frame(predict, tmp_path, ramp, layout, axis, capsys):
    left, right = painted(ramp), painted(ramp[:, ::-1])
    video = write_video(tmp_path / "pair.avi", [np.concatenate([left, right], axis=axis)] * 2)
    alone = write_video(tmp_path / "left.avi", [left] * 2)
    assert predict(alone, "--outputs", "npy") == 0
    assert predict(video, "--outputs", "npy", "--stereo_layout", layout) == 0
    assert f"--stereo_layout {layout}" not in capsys.readouterr().out
    for frame in ("000000", "000001"):
        expected = np.load(tmp_path / "out" / "left" / f"{frame}_depth.npy")
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "pair" / f"{frame}_depth.npy"), expected)
    assert predict(video, "--outputs", "npy") == 0
    assert f"if it holds both images of a pair, --stereo_layout {layout} takes the left one" in capsys.readouterr().out
