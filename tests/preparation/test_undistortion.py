"""Images of lenses against the same wall as a pinhole camera sees it, in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lens_footage import BARREL, FISHEYE, HEIGHT, PINHOLE, WIDTH, K, see_wall
from scipy.spatial.transform import Rotation

from selfsup_depth.datasets.cameras import Camera, CameraRig
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.pinholes import pinhole_rig
from selfsup_depth.preparation.undistortion import stereo_rectifiers, undistorter

pytest.importorskip("cv2", reason="undistortion needs OpenCV (extra `video`)")
INNER = slice(2, -2)


def to_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def difference(made: torch.Tensor, expected: np.ndarray) -> float:
    """Mean of absolute differences of grey levels, away from the very border."""
    return float(np.abs(made.permute(1, 2, 0).numpy().astype(int) - expected)[INNER, INNER].mean())


def turned(camera: Camera, *, by: float) -> Camera:
    moved = camera.intrinsics.clone()
    moved[:2, 2] += by
    return replace(camera, intrinsics=moved)


@pytest.mark.parametrize("lens", [BARREL, FISHEYE], ids=["barrel", "fisheye"])
def test_an_undistorted_image_is_what_a_pinhole_camera_sees(lens):
    rectifier = undistorter(lens, "a lens")
    made = rectifier(to_tensor(see_wall(lens)[0]))
    seen_by = Camera(rectifier.intrinsics, (WIDTH, HEIGHT))
    error = difference(made, see_wall(seen_by)[0])
    assert error < 0.6  # of 255: interpolation and rounding
    for half_a_pixel in (-0.5, 0.5):  # the two ways to get the origin of pixels wrong
        assert difference(made, see_wall(turned(seen_by, by=half_a_pixel))[0]) > 4 * error


@pytest.mark.parametrize("lens", [BARREL, FISHEYE], ids=["barrel", "fisheye"])
def test_no_border_is_black_and_little_is_cut_off(lens):
    rectifier = undistorter(lens, "a lens")
    for looked_up, size in ((rectifier.map_x, WIDTH), (rectifier.map_y, HEIGHT)):
        assert looked_up.min() >= -0.05
        assert looked_up.max() <= size - 1 + 0.05
    touched = [rectifier.map_x.min() < 0.1, rectifier.map_x.max() > WIDTH - 1.1,
               rectifier.map_y.min() < 0.1, rectifier.map_y.max() > HEIGHT - 1.1]  # fmt: skip
    assert all(touched)


def test_a_pinhole_camera_needs_nothing():
    assert undistorter(PINHOLE, "a pinhole") is None
    assert undistorter(replace(PINHOLE, distortion=(0.0, 0.0, 0.0, 0.0)), "zeros") is None


def test_a_lens_that_sees_sideways_is_cut_to_what_a_plane_can_show():
    wide = Camera(torch.tensor([[45.0, 0, 80], [0, 45.0, 60], [0, 0, 1]]).double(), (160, 120), (0.0,) * 4, "fisheye")
    rectifier = undistorter(wide, "a lens of 204 degrees")
    half_view = np.degrees(np.arctan(float((WIDTH - rectifier.intrinsics[0, 2]) / rectifier.intrinsics[0, 0])))
    assert 60 < half_view < 66


def test_depth_follows_the_image():
    rectifier = undistorter(BARREL, "a lens")
    made = rectifier.depth(see_wall(BARREL)[1])
    expected = see_wall(Camera(rectifier.intrinsics, (WIDTH, HEIGHT)))[1]
    assert np.abs(made / expected - 1).max() < 0.01  # the nearest pixel


LEFT_R_RIGHT = Rotation.from_euler("xyz", (0.02, -0.05, 0.03)).as_matrix()
CENTRE = np.array([0.4, 0.02, -0.03])  # of the right camera, in the left one


def raw_rig(left: Camera = BARREL, right: Camera = FISHEYE) -> CameraRig:
    right_T_left = torch.eye(4, dtype=torch.float64)
    right_T_left[:3, :3] = torch.from_numpy(LEFT_R_RIGHT.T)
    right_T_left[:3, 3] = torch.from_numpy(-LEFT_R_RIGHT.T @ CENTRE)
    return CameraRig(left, right, right_T_left, "rig.yaml")


def test_a_raw_rig_becomes_level():
    left, right, right_T_left = stereo_rectifiers(raw_rig())
    assert torch.equal(left.intrinsics, right.intrinsics)
    assert torch.equal(right_T_left[:3, :3], torch.eye(3, dtype=torch.float64))
    assert right_T_left[:3, 3].tolist() == pytest.approx([-np.linalg.norm(CENTRE), 0, 0])
    camera = Camera(left.intrinsics, (WIDTH, HEIGHT))
    world_R_level = left.rotation.numpy().T  # the world is the recorded left camera
    assert np.allclose(LEFT_R_RIGHT @ right.rotation.numpy().T, world_R_level)
    assert np.allclose(world_R_level[:, 0], CENTRE / np.linalg.norm(CENTRE))
    for rectifier, lens, turn, place in (
        (left, BARREL, np.eye(3), np.zeros(3)),
        (right, FISHEYE, LEFT_R_RIGHT, CENTRE),
    ):
        recorded, depth = see_wall(lens, turn, place)
        expected, expected_depth = see_wall(camera, world_R_level, place)
        error = difference(rectifier(to_tensor(recorded)), expected)
        assert error < 0.6
        assert difference(rectifier(to_tensor(recorded)), see_wall(turned(camera, by=0.5), world_R_level, place)[0]) > 2
        assert np.abs(rectifier.depth(depth) / expected_depth - 1).max() < 0.015


def test_a_rig_as_pinholes():
    rig = pinhole_rig(raw_rig(), stereo=True)
    recorded_T_seen = rig.recorded_T_seen("right")
    assert torch.allclose(recorded_T_seen[:3, :3].T, rig.rectifiers["right"].rotation)
    assert torch.allclose(rig.stereo_T("left") @ rig.stereo_T("right"), torch.eye(4, dtype=torch.float64))
    alone = pinhole_rig(raw_rig(), stereo=False)
    assert alone.stereo_T("left") is None
    assert torch.equal(alone.recorded_T_seen("left"), torch.eye(4, dtype=torch.float64))
    assert torch.equal(alone.rectifiers["left"].rotation, torch.eye(3, dtype=torch.float64))


def test_a_rectified_rig_stays_as_it_is():
    right_T_left = torch.eye(4, dtype=torch.float64)
    right_T_left[0, 3] = -0.2
    rig = pinhole_rig(CameraRig(PINHOLE, PINHOLE, right_T_left, "rig.yaml"), stereo=True)
    image = to_tensor(see_wall(PINHOLE)[0])
    assert rig.seen("right", image) is image
    assert torch.equal(rig.intrinsics["left"], K)
    assert torch.equal(rig.stereo_T("left"), right_T_left)
    assert torch.equal(rig.recorded_T_seen("left"), torch.eye(4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("coefficients", "reason"),
    [
        ((-3.0, 0.0, 0.0, 0.0), "bend the image back onto itself"),  # it leaves the image
        ((-1.0, 0.0, 0.0, 0.0), "bend the image back onto itself"),  # it stays within, but shows points twice
        ((0.64, -0.53, 0.83, -1.15), "no rectangle of the undistorted image"),
    ],
)
def test_what_cannot_be_undistorted_is_refused(coefficients, reason):
    with pytest.raises(UserError, match=rf"calib.yaml: .*{reason}"):
        undistorter(Camera(K, (WIDTH, HEIGHT), coefficients), "calib.yaml")


def test_what_cannot_be_rectified_is_refused():
    with pytest.raises(UserError, match="describes no stereo rig"):
        stereo_rectifiers(CameraRig(PINHOLE, source="calib.yaml"))
    with pytest.raises(UserError, match="does not tell the distance of the two cameras"):
        pinhole_rig(CameraRig(PINHOLE, source="calib.yaml"), stereo=True)
    swapped = raw_rig()
    swapped.right_T_left[:3, 3] *= -1
    with pytest.raises(UserError, match="not to the right of it: swap the cameras"):
        stereo_rectifiers(swapped)
    apart = raw_rig(PINHOLE, PINHOLE)
    apart.right_T_left[:3, :3] = torch.from_numpy(Rotation.from_euler("y", 70, degrees=True).as_matrix())
    apart.right_T_left[:3, 3] = -apart.right_T_left[:3, :3] @ torch.tensor([0.4, 0.0, 0.0], dtype=torch.float64)
    with pytest.raises(UserError, match="next to nothing in common"):
        stereo_rectifiers(apart)
