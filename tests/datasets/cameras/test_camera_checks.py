"""Numbers that cannot be a camera's: what they look like is said."""

from __future__ import annotations

import pytest

from selfsup_depth.datasets.cameras.checks import check_baseline, make_camera
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
        ((0.8, 1.1, 320.0, 240.0), VGA, r"the principal point is in pixels, but the focal lengths look normalised \("),
        ((0.8, 0.2, 320.0, 240.0), VGA, r"but the focal lengths look normalised or in millimetres .*shares by width"),
        ((4.25, 4.25, 2016.0, 1512.0), (4032, 3024), r"look like millimetres .*by image width / sensor wi"),
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


@pytest.mark.parametrize(
    ("numbers", "size", "cause", "remedy"),
    [
        ((0.58, 1.92, 0.5, 0.5), (1242, 375), "as Monodepth2's", "write fx = 720.36, fy = 720, cx = 621, cy = 187.5"),
        ((500.0, 500.0, 0.5, 0.5), VGA, "cx and cy as shares", "write cx = 320, cy = 240"),
        ((0.78125, 1.05, 320.0, 240.0), VGA, "see 65 degrees, with square pixels", "write fx = 500, fy = 504"),
        ((4.25, 4.25, 2016.0, 1512.0), (4032, 3024), "as lenses are named", "6.2 mm wide: fx = 2764"),
        ((4.25, 4.25, 320.0, 320.0), (640, 640), "as lenses are named", "6.2 mm wide: fx = 439"),  # of a square image
        ((0.8, 0.8, 320.0, 320.0), (640, 640), "they see 64 degrees", "write fx = 512, fy = 512"),
        ((4.25, 4.25, 3.1, 2.3), VGA, "of a sensor of about 6.2 x 4.6 mm", "about fx = 439, fy = 443, cx = 320"),
        ((1000.0, 1000.0, 960.0, 540.0), (1280, 720), "1.50 times this one", "divide all four numbers by 1.50"),
        ((500.0, 500.0, 900.0, 240.0), VGA, "before it was cropped or turned", "subtract from cx and cy"),
        ((25.0, 25.0, 320.0, 240.0), VGA, "in millimetres, or of a far smaller", "65 degrees would be 502 pixels"),
        ((50000.0, 50000.0, 320.0, 240.0), VGA, "of a far larger image", "check the unit"),
        ((-500.0, 500.0, 320.0, 240.0), VGA, "OpenGL and Blender", "write fx = 500, fy = 500"),
        ((0.0, 500.0, 320.0, 240.0), VGA, "never filled in", "calibrate"),
    ],
)
def test_each_slip_has_its_own_cause_and_says_what_to_write_instead(numbers, size, cause, remedy):
    with pytest.raises(UserError) as refusal:
        make_camera(camera_matrix(*numbers), size, [], "pinhole", where="calib")
    assert cause in refusal.value.cause and remedy in refusal.value.remedy
    assert str(refusal.value) == f"{refusal.value.found}: {refusal.value.remedy}."


def test_numbers_that_count_from_pixel_centres_are_told_as_they_were_written():
    matrix = camera_matrix(0.58, 1.92, 0.5 + 0.5, 0.5 + 0.5)
    with pytest.raises(UserError, match=r"cx = 0\.5, cy = 0\.5 for images of 640x480.* cx = 320, cy = 240"):
        make_camera(matrix, VGA, [], "pinhole", where="calib", added=0.5)


@pytest.mark.parametrize(
    ("length", "cause", "remedy"),
    [
        (540.0, "in millimetres (540 mm are 0.54 m)", "write 0.54 instead"),
        (120.0, "in millimetres (120 mm are 0.12 m), or in centimetres (1.2 m)", "write 0.12 instead (1.2 if"),
        (-0.12, "has a sign", "without its sign (0.12)"),
        (0.0, "never filled in", "measure from lens to lens"),
        (3e5, "in any usual unit", "measure from lens to lens"),
        (float("nan"), "never filled in", "measure"),
    ],
)
def test_a_baseline_in_another_unit_says_which_and_how_long_it_is_in_metres(length, cause, remedy):
    with pytest.raises(UserError, match="calib: 'baseline_m' is .* expected metres between 0 and 20") as refusal:
        check_baseline(length, "'baseline_m'", "calib")
    assert cause in refusal.value.cause and remedy in refusal.value.remedy


@pytest.mark.parametrize("length", [0.004, 0.12, 0.54, 5.4, 20.0])
def test_baselines_that_can_be(length):
    check_baseline(length, "'baseline_m'", "calib")
