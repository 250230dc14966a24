"""What two runs without true depth are compared by, and when nothing is."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from stereo_footage import HEIGHT, WIDTH, write_stereo_folder

from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_source
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.photometric import Judged
from selfsup_depth.outcome.looks import Looks
from selfsup_depth.outcome.unlabelled import Sides, images_of_both, in_numbers, in_words
from selfsup_depth.structures import STEREO, DepthPrediction, Method


class Pictures:
    """A data set that holds nothing but names and pictures."""

    def __init__(self, **pictures: int) -> None:
        self._names, self._values = list(pictures), list(pictures.values())

    def __len__(self) -> int:
        return len(self._names)

    def name(self, index: int) -> str:
        return self._names[index]

    def image(self, index: int) -> torch.Tensor:
        return torch.full((3, 2, 2), self._values[index], dtype=torch.uint8)


def test_images_that_both_held_out():
    names = ("mdp", "other")
    assert images_of_both(Pictures(a=1, b=2, c=3), Pictures(c=3, a=1, b=2), names) == ["a", "b", "c"]
    assert images_of_both(Pictures(a=1, b=2, c=3), Pictures(b=2), names) == ["b"]
    with pytest.raises(UserError, match=r"of the same names as mdp, but b is another picture there: compare runs"):
        images_of_both(Pictures(a=1, b=2, c=3), Pictures(c=3, a=1, b=9), names)
    with pytest.raises(UserError, match=r"on other images than mdp \(none of 1 is among the 2, for example z\): comp"):
        images_of_both(Pictures(a=1, b=2), Pictures(z=1), names)


class Flat(Method):
    """Every image is a wall at one depth, seen by a camera that does not move."""

    metres_per_unit = 1.0

    def __init__(self, depth: float) -> None:
        super().__init__()
        self.depth = depth

    def losses(self, batch, generator=None):
        raise NotImplementedError

    def predict(self, images, intrinsics=None) -> DepthPrediction:
        return DepthPrediction(torch.full_like(images[:, :1], self.depth), metric=True)


@pytest.fixture(scope="module")
def wall(tmp_path_factory) -> ViewDataset:
    root = write_stereo_folder(tmp_path_factory.mktemp("wall"))
    request = DatasetRequest(HEIGHT, WIDTH, (0, STEREO), data_path=str(root), part="val")
    return ViewDataset("stereo_folder", build_source("stereo_folder", request), request)


def sides(wall: ViewDataset, depth: float, *frames: tuple[int | str, ...]) -> Sides:
    predictor = SimpleNamespace(predict=Flat(depth).predict, metric=True, device=torch.device("cpu"))
    look = Looks(predictor, wall, None, {})
    first, second = (Judged(Flat(depth), each, HEIGHT, WIDTH) for each in frames)
    images = [wall.name(i) for i in range(len(wall))]
    return Sides(("mdp", "other"), images, (first, second), (look, look))


def test_images_without_all_frames_are_said_to_have_none(wall):
    reason, whole = sides(wall, 8.0, (0, STEREO), (0, -7, 7, STEREO)).common_ground(wall)
    assert whole is None
    assert reason == "no validation image has all of frames 0 s and frames 0 -7 7 s, which the two look at"
    one = sides(wall, 8.0, (0, STEREO), (0, -1, 1, STEREO))
    reason, whole = one.common_ground(wall)
    assert reason == "" and one.whole_images(whole) == [one.images[1]]
    one.images.pop(1)
    assert one.common_ground(wall)[1] is None


def test_frames_in_words():
    assert in_words((STEREO,)) == "the stereo partner" and in_words((1,)) == "frame +1"
    assert in_words((-1, 1, STEREO)) == "frames -1 +1 and the stereo partner"


def test_no_pixel_in_common_is_no_number(wall):
    frames = (0, STEREO)
    near = sides(wall, 1e-3, frames, frames)
    found = in_numbers(near.common_ground(wall)[1], near)
    assert found.table is None and "no pixel that both see in another frame" in found.sentence
    same = sides(wall, 8.0, frames, frames)
    found = in_numbers(same.common_ground(wall)[1], same)
    assert found.sentence.startswith("Both runs have the same photometric error") and len(found.table.rows) == 2
    errors, unmoved = (row.cells for row in found.table.rows)
    assert errors[0].value == errors[1].value < unmoved[0].value == unmoved[1].value
