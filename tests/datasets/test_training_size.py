"""Which training sizes squeeze images, and which would not."""

from __future__ import annotations

import pytest

from selfsup_depth.datasets.training_size import (
    fitting_in_words,
    fitting_size,
    is_squeezed,
    least_fitting,
    squeeze_in_words,
    stretch,
)

KITTI = (640, 192)


@pytest.mark.parametrize("recorded", [(1242, 375), (1224, 370), (1920, 1080), (2048, 1024), (640, 192), (1280, 384)])
def test_kitti_and_moderate_differences_are_no_squeeze(recorded):
    assert not is_squeezed(recorded, KITTI)


@pytest.mark.parametrize("recorded", [(1080, 1920), (640, 480), (480, 640), (512, 512), (4000, 400)])
def test_a_shape_more_than_twice_another_is_one(recorded):
    assert is_squeezed(recorded, KITTI)
    assert not is_squeezed(recorded, fitting_size(recorded, KITTI))


@pytest.mark.parametrize("recorded", [(1080, 1920), (640, 480), (1242, 375), (1920, 1080), (303, 517), (1000, 1000)])
@pytest.mark.parametrize("training", [KITTI, (1024, 320), (320, 96)])
def test_the_size_that_fits_is_of_32_pixels_of_the_shape_and_of_as_many_pixels(recorded, training):
    width, height = fitting_size(recorded, training)
    assert width % 32 == height % 32 == 0
    assert min(width, height) >= 64
    assert stretch(recorded, (width, height)) == pytest.approx(1, abs=0.15)
    assert 0.6 < width * height / (training[0] * training[1]) < 1.5


def test_in_words():
    assert squeeze_in_words((1080, 1920), KITTI) == (
        "images of 1080x1920 at --height 192 --width 640 show everything 5.9 times too wide"
    )
    assert squeeze_in_words((4000, 400), KITTI).endswith("show everything 3.0 times too high")
    assert fitting_in_words((1080, 1920), KITTI) == "--height 448 --width 256 would keep their shape"


def test_of_several_sizes_the_least_fitting_one_counts():
    assert least_fitting([(1242, 375), (1080, 1920), (640, 480)], KITTI) == (1080, 1920)
    assert least_fitting([(1242, 375), (4000, 400)], KITTI) == (4000, 400)
