"""How far the wall of `stereo_footage` moves, against its closed form; cuts; what shows no motion at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from stereo_footage import FOCAL, HEIGHT, WIDTH, wall

from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.preparation.motion import SmallCopy, is_cut, median_motion, small_copy
from selfsup_depth.preparation.selection import NO_TIME, MotionFilter, TimeRaster

cv2 = pytest.importorskip("cv2", reason="motion is measured with OpenCV (extra `video`)")


def seen(x: float, z: float = 0.0, times: int = 1) -> SmallCopy:
    image = wall(x, z)[0]
    if times > 1:
        image = cv2.resize(image, (WIDTH * times, HEIGHT * times), interpolation=cv2.INTER_CUBIC)
    return small_copy(image, rgb=True)


@pytest.mark.parametrize("step", [0.05, 0.15, 0.4])
def test_the_median_way_of_the_pixels(step):
    depth = wall(0.0, 0.0)[1]
    assert median_motion(seen(0.0), seen(step)) == pytest.approx(float(np.median(FOCAL * step / depth)), rel=0.12)


def test_motion_is_told_in_pixels_of_the_frame_however_small_the_copy_is():
    """768 pixels wide, measured on 320 (at other corners, so the median differs a little)."""
    wide = median_motion(seen(0.0, times=8), seen(0.15, times=8))
    assert seen(0.0, times=8).grey.shape == (round(HEIGHT * 8 * 320 / (WIDTH * 8)), 320)
    assert wide == pytest.approx(8 * median_motion(seen(0.0), seen(0.15)), rel=0.2)


def test_walking_forward_moves_too():
    """Nothing shifts as a whole: the picture grows."""
    assert median_motion(seen(0.0), seen(0.0, 0.6)) > 0.5


def test_standing_still_is_no_motion_whatever_the_sensor_adds():
    generator = np.random.default_rng(0)
    noisy = [wall(0.0, 0.0)[0].astype(float) + generator.normal(0, 3, (HEIGHT, WIDTH, 3)) for _ in range(2)]
    copies = [small_copy(np.clip(image, 0, 255).astype(np.uint8), rgb=True) for image in noisy]
    assert median_motion(*copies) < 0.15


def test_without_corners_only_equal_images_are_still():
    black, grey = (SmallCopy(np.full((40, 60), level, np.uint8), (1, 1)) for level in (0, 90))
    assert median_motion(black, black) == 0
    assert median_motion(black, grey) == float("inf")


def test_lost_corners_are_far_away():
    assert median_motion(seen(0.0), seen(40.0)) == float("inf")


def test_a_cut_is_found_and_a_step_is_none():
    assert not is_cut(seen(0.0), seen(0.15))
    assert not is_cut(seen(0.0), seen(0.6, 0.5))
    assert is_cut(seen(0.0), seen(40.0))
    black, grey = (SmallCopy(np.full((40, 60), level, np.uint8), (1, 1)) for level in (0, 90))
    assert not is_cut(black, black)
    assert is_cut(black, grey)
    negative = SmallCopy(255 - seen(0.0).grey, (1, 1))
    assert is_cut(seen(0.0), negative)


def image(x: float) -> torch.Tensor:
    return torch.from_numpy(wall(x, 0.0)[0]).permute(2, 0, 1)


def test_frames_are_kept_when_they_moved_far_enough_since_the_last_one_kept():
    """A step of 0.05 m is about 0.38 pixels of the median: every third makes one."""
    kept = MotionFilter(1.0)
    assert [kept.has_moved({"left": image(0.05 * frame)}, begins=frame == 0) for frame in range(7)] == [
        True, False, False, True, False, False, True,
    ]  # fmt: skip
    assert kept.reason == "moved by less than 1 pixels since the last one kept"
    assert kept.has_moved({"left": image(0.3)}, begins=True)  # after a cut
    assert not kept.has_moved({"left": image(0.3)}, begins=False)
    assert kept.has_moved({"left": image(0.3)}, begins=False, always=True)


def test_a_camera_is_compared_with_itself():
    """Targets of random sides: left and right see the wall from half a metre apart, which is no motion."""
    kept = MotionFilter(1.0)
    assert kept.has_moved({"left": image(0.0)}, begins=True)
    assert kept.has_moved({"right": image(0.5)}, begins=False)  # its first one
    assert not kept.has_moved({"left": image(0.0)}, begins=False)
    assert not kept.has_moved({"right": image(0.5)}, begins=False)
    assert kept.has_moved({"right": image(0.8), "left": image(0.3)}, begins=False)
    assert kept.has_moved({"right": image(1.1)}, begins=False)
    assert not kept.has_moved({"left": image(0.6), "right": image(1.1)}, begins=False)  # the right one was kept last
    assert kept.has_moved({"left": image(0.6)}, begins=True)
    assert kept.has_moved({"right": image(1.1)}, begins=False)  # that of another run does not count


def test_no_threshold_looks_at_nothing():
    assert MotionFilter(0.0).has_moved({}, begins=False)


def taken(options: FootageOptions, times: list[float | None], rate: float | None = 30.0) -> list[int]:
    raster = TimeRaster(options, rate)
    return [index for index, time in enumerate(times) if raster.refusal(time) is None]


def test_frames_by_time_and_by_number():
    times = [frame / 30 for frame in range(31)]
    assert taken(FootageOptions(), times) == list(range(31))
    assert taken(FootageOptions(fps=10), times) == list(range(0, 31, 3))
    assert taken(FootageOptions(frame_step=7), times) == [0, 7, 14, 21, 28]
    assert taken(FootageOptions(fps=10, frame_step=2), times) == list(range(0, 31, 6))  # of those, every second
    assert taken(FootageOptions(fps=60), times) == list(range(31))  # no more than there are
    assert taken(FootageOptions(fps=10), [5 + time for time in times]) == list(range(0, 31, 3))  # from the first one on


def test_a_variable_rate_is_chosen_by_time():
    times = [0.0, 0.03, 0.07, 0.1, 0.2, 0.21, 0.35, 0.4]
    assert taken(FootageOptions(fps=10), times, rate=20) == [0, 3, 4, 6, 7]


def test_without_times_only_numbers_choose():
    raster = TimeRaster(FootageOptions(fps=10), 30.0)
    assert raster.refusal(None) == NO_TIME
    assert taken(FootageOptions(frame_step=2), [None] * 5, rate=None) == [0, 2, 4]
    assert TimeRaster(FootageOptions(fps=10), 30.0).refusal(0.0) is None
