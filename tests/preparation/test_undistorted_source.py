"""A data set whose lenses are known, seen through pinhole cameras: images, depth and poses fit each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lens_footage import BARREL, FISHEYE, HEIGHT, PINHOLE, WIDTH, see_wall, shown_at
from PIL import Image
from scipy.spatial.transform import Rotation

from geometry.camera import resize_intrinsics
from geometry.se3 import invert_transform
from selfsup_depth.datasets import DatasetRequest, ViewDataset, ViewSource, build_source
from selfsup_depth.datasets.cameras import Camera, CameraRig, fit_camera
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.undistorted_source import through_pinholes
from splits import SplitLine

pytest.importorskip("cv2", reason="undistortion needs OpenCV (extra `video`)")
LEFT_R_RIGHT = Rotation.from_euler("xyz", (0.02, -0.05, 0.03)).as_matrix()
CENTRE = np.array([0.4, 0.02, -0.03])  # of the right camera, in the left one
STEP = np.array([0.2, 0.0, 0.05])
TURN = Rotation.from_euler("y", 0.05).as_matrix()  # of the rig in the world


def right_T_left() -> torch.Tensor:
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, :3] = torch.from_numpy(LEFT_R_RIGHT.T)
    transform[:3, 3] = torch.from_numpy(-LEFT_R_RIGHT.T @ CENTRE)
    return transform


class RigSource(ViewSource):
    """A raw rig walks along the wall, turned in the world; everything in closed form."""

    has_stereo = has_depth_maps = describes_lenses = True
    left, right = BARREL, FISHEYE
    transform: torch.Tensor | None = right_T_left()

    def items(self) -> list[SplitLine]:
        return [SplitLine("walk", frame, "l") for frame in range(3)]

    def image_path(self, view: SplitLine) -> str:
        return f"walk {view.frame} {view.side}"

    def has_image(self, view: SplitLine) -> bool:
        return 0 <= view.frame < 3

    def rig(self, view: SplitLine) -> CameraRig:
        return CameraRig(self.left, self.right, self.transform, "rig.yaml")

    def intrinsics(self, view: SplitLine, width: int, height: int) -> torch.Tensor:
        raise UserError("this lens is refused where nobody undistorts it")

    def check_kept(self, items) -> None:
        raise UserError("this lens is refused where nobody undistorts it")

    def world_T_camera(self, view: SplitLine) -> torch.Tensor:
        pose = torch.eye(4, dtype=torch.float64)
        turn, place = self._seen_from(view)
        pose[:3, :3], pose[:3, 3] = torch.from_numpy(turn), torch.from_numpy(place)
        return pose

    def time_s(self, view: SplitLine) -> float:
        return float(view.frame)

    def read_image(self, view: SplitLine) -> torch.Tensor:
        lens = self.right if view.side == "r" and self.right is not None else self.left
        return torch.from_numpy(see_wall(lens, *self._seen_from(view))[0]).permute(2, 0, 1)

    def has_depth(self, item: SplitLine) -> bool:
        return True

    def depth(self, item: SplitLine) -> np.ndarray:
        return see_wall(self.left, *self._seen_from(item))[1]

    def _seen_from(self, view: SplitLine) -> tuple[np.ndarray, np.ndarray]:
        if view.side == "r":
            return TURN @ LEFT_R_RIGHT, view.frame * STEP + TURN @ CENTRE
        return TURN, view.frame * STEP


class OneLens(RigSource):
    """Both sides of a rig of which only one description is known."""

    right = transform = None


def seen(source: ViewSource, view: SplitLine) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, depth and what a pinhole camera sees from the pose that the source tells."""
    K = source.intrinsics(view, WIDTH, HEIGHT)
    pose = source.world_T_camera(view).numpy()
    image, depth = see_wall(Camera(K, (WIDTH, HEIGHT)), pose[:3, :3], pose[:3, 3])
    made = source.read_image(view).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(made - image)[2:-2, 2:-2].mean() < 0.6
    return made, image, depth


def test_a_raw_rig_is_seen_level_with_depth_and_poses():
    source = through_pinholes(RigSource(DatasetRequest(64, 96, (0, -1, 1, "s"))))
    left = SplitLine("walk", 1, "l")
    right = source.neighbour(left, "s")
    for view in (left, right):
        seen(source, view)
    _, _, depth = seen(source, left)
    assert np.abs(source.depth(left) / depth - 1).max() < 0.015
    poses = [source.world_T_camera(view) for view in (left, right)]
    assert torch.allclose(source.stereo_T_target(left), invert_transform(poses[1]) @ poses[0])
    assert torch.equal(source.intrinsics(left, WIDTH, HEIGHT), source.intrinsics(right, WIDTH, HEIGHT))
    assert source.stereo_T_target(left)[:3, 3].tolist() == pytest.approx([-np.linalg.norm(CENTRE), 0, 0])


class MapsOfAnySize(RigSource):
    """Each pixel of a depth map says in metres which one it is: column or row, counted from 1."""

    size, axis = (WIDTH, HEIGHT), 0

    def depth(self, item: SplitLine) -> np.ndarray:
        counted = np.meshgrid(*(np.arange(1, length + 1, dtype=np.float32) for length in self.size))
        return counted[self.axis]


SIZES = [(80, 60), (40, 30), (53, 40), (320, 240), (478, 362), (WIDTH, HEIGHT)]


@pytest.mark.parametrize("stereo", [True, False], ids=["rectified", "undistorted"])
@pytest.mark.parametrize("lens", [BARREL, FISHEYE], ids=["barrel", "fisheye"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
def test_a_depth_map_of_any_size_is_seen_by_the_camera_of_its_image(size, lens, stereo):
    """Every pixel comes from the recorded one into which the image's own pinhole camera and the lens map its centre."""
    width, height = size
    recorded = MapsOfAnySize(DatasetRequest(64, 96, (0, "s") if stereo else (0, 1)))
    recorded.left, recorded.size = lens, size
    source, view = through_pinholes(recorded), SplitLine("walk", 1, "l")
    K = resize_intrinsics(source.intrinsics(view, WIDTH, HEIGHT), width / WIDTH, height / HEIGHT)
    assert torch.allclose(source.intrinsics(view, width, height), K)  # one camera, at whatever size
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(K.numpy()).T
    old_R_new = recorded.world_T_camera(view).numpy()[:3, :3].T @ source.world_T_camera(view).numpy()[:3, :3]
    rays = rays @ old_R_new.T
    places = shown_at(fit_camera(lens, size, "", ""), rays[..., :2] / rays[..., 2:])
    for axis in (0, 1):
        recorded.axis = axis
        found = source.depth(view) * rays[..., 2] - 0.5  # centre of the pixel that was taken
        assert np.abs(found - places[..., axis]).max() < 0.5 + 1e-3


def test_a_depth_map_of_another_shape_is_refused():
    recorded = MapsOfAnySize(DatasetRequest(64, 96, (0, 1)))
    recorded.size = (100, 100)
    with pytest.raises(UserError, match="rig.yaml is for images of 160x120, but walk 1 l has 100x100, another shape"):
        through_pinholes(recorded).depth(SplitLine("walk", 1, "l"))


def test_one_camera_of_a_raw_rig_is_undistorted_alone():
    source = through_pinholes(RigSource(DatasetRequest(64, 96, (0, -1, 1))))
    for side in "lr":
        view = SplitLine("walk", 1, side)
        seen(source, view)
        recorded = RigSource(source.request).world_T_camera(view)
        assert torch.equal(source.world_T_camera(view), recorded)  # it looks where it looked


def test_one_description_is_for_both_sides():
    source = through_pinholes(OneLens(DatasetRequest(64, 96, (0,))))
    for side in "lr":
        seen(source, SplitLine("walk", 2, side))


def test_a_data_set_is_made_of_it_although_its_reader_refuses_the_lens():
    request = DatasetRequest(64, 96, (0, -1, 1, "s"), with_depth=True)
    with pytest.raises(UserError, match="refused where nobody undistorts it"):
        ViewDataset("rig", RigSource(request), request)
    source = through_pinholes(RigSource(request))
    data = ViewDataset("rig", source, request)
    assert len(data) == 1
    assert data.baseline_m == pytest.approx(np.linalg.norm(CENTRE))
    assert source.time_s(data.items[0]) == 1.0
    assert source.left_out_beforehand() == {}
    assert source.remedy(None) is None


def test_sources_without_lenses_stay_what_they_are(one_camera):
    source = one_camera(DatasetRequest(12, 40))
    assert through_pinholes(source) is source


@pytest.fixture
def one_camera():
    from tests.datasets.conftest import OneCamera

    return OneCamera


def test_images_that_need_nothing_stay_what_they_are():
    class Level(RigSource):
        left, right = PINHOLE, PINHOLE
        transform = torch.eye(4, dtype=torch.float64)
        transform[0, 3] = -0.4

    recorded = Level(DatasetRequest(64, 96, (0, "s")))
    source, view = through_pinholes(recorded), SplitLine("walk", 1, "l")
    assert torch.equal(source.read_image(view), recorded.read_image(view))
    assert torch.equal(source.intrinsics(view, WIDTH, HEIGHT), PINHOLE.intrinsics)
    assert np.array_equal(source.depth(view), recorded.depth(view))
    assert torch.equal(source.world_T_camera(view), recorded.world_T_camera(view))


def write_raw_rig(folder: Path) -> Path:
    """left/, right/ and the calibration of a rig before rectification, in our format."""
    source = RigSource(DatasetRequest(64, 96))
    for side, name in (("l", "left"), ("r", "right")):
        (folder / name).mkdir(parents=True)
        for frame in range(3):
            image = source.read_image(SplitLine("walk", frame, side)).permute(1, 2, 0).numpy()
            Image.fromarray(image).save(folder / name / f"walk_{frame}.png")
    tables = {
        name: {
            "fx": lens.intrinsics[0, 0].item(), "fy": lens.intrinsics[1, 1].item(),
            "cx": lens.intrinsics[0, 2].item(), "cy": lens.intrinsics[1, 2].item(),
            "distortion": lens.distortion, "model": lens.model,
        }
        for name, lens in (("left", BARREL), ("right", FISHEYE))
    }  # fmt: skip
    tables |= {"image_width": WIDTH, "image_height": HEIGHT, "pixel_origin": "corner"}
    tables |= {"right_T_left": right_T_left().tolist()}
    (folder / "calib.json").write_text(json.dumps(tables))
    return folder


def test_a_folder_of_a_raw_rig(tmp_path):
    request = DatasetRequest(64, 96, (0, "s"), write_raw_rig(tmp_path / "rig"))
    with pytest.raises(UserError, match="prepare_data.py"):
        ViewDataset("folder", build_source("folder", request), request)
    source = through_pinholes(build_source("folder", request))
    data = ViewDataset("folder", source, request)
    left, right = (source.read_image(view) for view in (data.items[0], source.neighbour(data.items[0], "s")))
    expected = through_pinholes(RigSource(request))
    assert torch.equal(left, expected.read_image(SplitLine("walk", data.items[0].frame, "l")))
    assert torch.equal(right, expected.read_image(SplitLine("walk", data.items[0].frame, "r")))
