"""Numbers that cannot be a camera's: what they look like is said."""

from __future__ import annotations

import pytest

from selfsup_depth.datasets.cameras.checks import make_camera
from selfsup_depth.datasets.cameras.rigs import camera_matrix
from selfsup_depth.errors import UserError

VGA, FULL_HD = (640, 480), (1920, 1080)


@pytest.mark.parametrize(
    ("numbers", "size"),
    [
        ((500.0, 500.0, 320.0, 240.0), VGA),
        ((1000.0, 1000.0, 960.0, 540.0), FULL_HD),
        ((500.0, 500.0, 200.0, 300.0), VGA),  # rectified or cropped on one side
        ((30.0, 31.0, 19.0, 5.0), (40, 12)),  # of a test
        ((250.0, 250.0, 320.0, 240.0), VGA),  # 104 degrees wide
    ],
)
def test_cameras_that_can_be(numbers, size):
    assert make_camera(camera_matrix(*numbers), size, [], "pinhole", where="x").size == size


@pytest.mark.parametrize(
    ("numbers", "size", "message"),
    [
        ((0.58, 1.92, 0.5, 0.5), VGA, r"^calib: Intrinsics must be in pixels but look normalised"),
        ((500.0, 500.0, 0.5, 0.5), VGA, r"the focal lengths are in pixels, but the principal point looks normalised"),
        ((0.8, 1.1, 320.0, 240.0), VGA, r"the principal point is in pixels, but the focal lengths look normalised or"),
        ((4.25, 4.25, 2016.0, 1512.0), (4032, 3024), r"or in millimetres .*multiply .* millimetres by width / sensor"),
        ((500.0, 500.0, 320.0, 240.0), FULL_HD, r"\(320, 240\) is that of images of about 640x480, but .*1920x1080"),
        ((1000.0, 1000.0, 960.0, 540.0), (1280, 720), r"is that of images of about 1920x1080, but .* 1280x720"),
        ((1000.0, 1000.0, 960.0, 540.0), VGA, r"principal point must lie inside the image"),
        ((25.0, 25.0, 320.0, 240.0), VGA, r"field of view must be 3 to 170 degrees, but is 171"),
        ((50000.0, 50000.0, 320.0, 240.0), VGA, r"The horizontal field of view must be 3 to 170 degrees, but is 0.7"),
        ((500.0, 500.0, 320.0, 240.0), (0, 480), r"the image size is 0x480: give width and height in pixels"),
    ],
)
def test_cameras_that_cannot_be(numbers, size, message):
    with pytest.raises(UserError, match=message):
        make_camera(camera_matrix(*numbers), size, [], "pinhole", where="calib")
