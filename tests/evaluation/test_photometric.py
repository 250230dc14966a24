"""The yardstick without true depth, on a wall whose depth and motion are known: the truth explains it best."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from stereo_footage import HEIGHT, WIDTH, wall, write_stereo_folder
from torch import Tensor

from geometry.se3 import rigid_transform
from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_source
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.photometric import (
    Explained,
    Judged,
    all_frames,
    explain,
    shared_sources,
    size_of_comparison,
)
from selfsup_depth.structures import STEREO, DepthPrediction, Method

NAME = " 1 l"  # of three validation frames the one with two neighbours
CPU = torch.device("cpu")


class Told(Method):
    """Knows depth and motion of one image; a factor makes the depth wrong, a unit makes it another number."""

    def __init__(self, depth_factor: float = 1.0, metres_per_unit: float | None = None, unit: float = 1.0) -> None:
        super().__init__()
        self.metres_per_unit = metres_per_unit
        self.unit = metres_per_unit or unit
        self.depth = torch.from_numpy(wall(0.55, 0.2)[1])[None, None] * depth_factor

    def losses(self, batch, generator=None):
        raise NotImplementedError

    def predict(self, images: Tensor, intrinsics: Tensor | None = None) -> DepthPrediction:
        depth = 1.0 / F.interpolate(1.0 / self.depth, images.shape[-2:], mode="bilinear", align_corners=False)
        metric = self.metres_per_unit is not None
        return DepthPrediction(depth if metric else depth / self.unit, metric)

    def predict_motion(self, images):
        still = torch.zeros(1, 3)
        return {
            frame: rigid_transform(still, torch.tensor([[-0.3 * frame, 0.0, -0.2 * frame]]) / self.unit)
            for frame in images if frame != 0
        }  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> ViewDataset:
    root = write_stereo_folder(tmp_path_factory.mktemp("wall"))
    request = DatasetRequest(HEIGHT, WIDTH, (0,), data_path=str(root), part="val", with_depth=True)
    return ViewDataset("stereo_folder", build_source("stereo_folder", request), request)


def judged(method: Method, frames: tuple = (0, STEREO), size: tuple[int, int] = (HEIGHT, WIDTH)) -> Judged:
    return Judged(method, frames, *size)


def explained(dataset: ViewDataset, *methods: Judged) -> Explained:
    whole = all_frames(dataset, methods)
    name = next(name for i in range(len(whole)) if (name := whole.name(i)).endswith(NAME))
    (found,) = explain(methods, whole, [name], CPU)
    return found


@pytest.mark.parametrize("frames", [(0, STEREO), (0, -1, 1), (0, -1, 1, STEREO)])
def test_the_true_depth_explains_the_image_best(dataset, frames):
    methods = judged(Told(metres_per_unit=5.0), frames), judged(Told(1.25, metres_per_unit=5.0), frames)
    found = explained(dataset, *methods)
    right, wrong = found.errors
    assert right < 0.03 and wrong > 3 * right and found.error_unwarped > 3 * right
    assert 0.5 < found.seen.float().mean() <= 1


def test_the_unit_of_a_method_does_not_matter(dataset):
    frames = (0, -1, 1)
    metres, units = judged(Told(metres_per_unit=5.0), frames), judged(Told(unit=7.0), frames)
    first, second = explained(dataset, metres, units).errors
    assert first == pytest.approx(second, rel=1e-3)
    first, second = explained(dataset, judged(Told(metres_per_unit=5.0)), judged(Told(metres_per_unit=0.5))).errors
    assert first == pytest.approx(second, rel=1e-3)


def test_methods_of_other_sizes_are_compared_at_the_larger_one(dataset):
    small, large = judged(Told(metres_per_unit=1.0), size=(32, 48)), judged(Told(metres_per_unit=1.0))
    assert size_of_comparison([small, large]) == size_of_comparison([large, small]) == (HEIGHT, WIDTH)
    found = explained(dataset, small, large)
    assert found.maps[0].shape == found.maps[1].shape == found.unwarped.shape == (HEIGHT, WIDTH)
    assert found.errors[0] == pytest.approx(found.errors[1], abs=0.01)  # both know the same plane


def test_only_pixels_that_both_see_count(dataset):
    """A depth that throws the image out of the source's view would else escape the comparison."""
    near, right = judged(Told(0.05, metres_per_unit=1.0)), judged(Told(metres_per_unit=1.0))
    found = explained(dataset, near, right)
    assert found.maps[0].isinf().any() and not torch.equal(found.maps[0].isfinite(), found.maps[1].isfinite())
    assert torch.equal(found.seen, found.maps[0].isfinite() & found.maps[1].isfinite())
    assert found.errors[1] == pytest.approx(float(found.maps[1][found.seen].mean()))
    nothing = Explained("wall", (torch.full((2, 2), torch.inf), torch.zeros(2, 2)), torch.zeros(2, 2))
    assert nothing.errors is None


def test_frames_that_one_run_does_not_know_do_not_count(dataset):
    """Stereo alone against stereo and video: the partner is what both warp, and the video gives it nothing."""
    stereo, both = judged(Told(metres_per_unit=5.0)), judged(Told(metres_per_unit=5.0), (0, -1, 1, STEREO))
    assert shared_sources(stereo, both) == shared_sources(both, stereo) == (STEREO,)
    first, second = explained(dataset, stereo, both).errors
    assert first == second
    assert shared_sources(stereo, judged(Told(), (0, -1, 1))) == ()


def test_images_need_the_frames_of_both(dataset, tmp_path):
    both, stereo = judged(Told(), (0, -1, 1)), judged(Told())
    assert len(all_frames(dataset, [stereo])) == 3 and len(all_frames(dataset, [stereo, both])) == 1
    assert all_frames(dataset, [both, stereo]).request.frame_ids == (0, -1, 1, STEREO)
    far = replace(both, frames=(0, -5, 5))
    with pytest.raises(UserError):
        all_frames(dataset, [far, stereo])


def test_a_learnt_camera_is_used(dataset):
    """A focal length that is wrong by a third moves the warp."""

    class Zoomed(Told):
        def camera(self, intrinsics: Tensor) -> Tensor:
            zoomed = intrinsics.clone()
            zoomed[0, 0] *= 1.33
            return zoomed

    right, wrong = explained(dataset, judged(Told(metres_per_unit=5.0)), judged(Zoomed(metres_per_unit=5.0))).errors
    assert wrong > 2 * right
