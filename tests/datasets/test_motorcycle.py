"""The installed real pair: its published numbers must make its images agree."""

from __future__ import annotations

import pytest
import torch

from geometry.warp import sample, warp
from selfsup_depth.datasets import build_dataset
from selfsup_depth.datasets.augmentation import augment, collate
from selfsup_depth.errors import UserError

NATIVE = {"height": 500, "width": 741}


@pytest.fixture(scope="module")
def batch():
    from selfsup_depth.datasets import DatasetRequest

    dataset = build_dataset("motorcycle", DatasetRequest(**NATIVE, frame_ids=(0, "s"), with_depth=True, part="val"))
    return augment(collate([dataset[0]]))


def test_true_depth_warps_the_right_view_onto_the_left_one(batch):
    depth, target, source = batch.depth[0][None], batch.target, batch.sources["s"]
    warped = warp(source.image, depth, target.intrinsics, source.intrinsics, batch.stereo_T_target)
    known = (depth > 0) & warped.valid
    assert known.float().mean() > 0.85
    error = (warped.image - target.image).abs().mean(1, keepdim=True)[known]
    unwarped = (source.image - target.image).abs().mean(1, keepdim=True)[known]
    assert error.median() < 0.015
    assert error.mean() < 0.4 * unwarped.mean()


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_the_centres_are_right_to_less_than_a_pixel(batch, shift):
    """Looking one pixel beside the predicted place is clearly worse on both sides."""
    depth, target, source = batch.depth[0][None], batch.target, batch.sources["s"]
    warped = warp(source.image, depth, target.intrinsics, source.intrinsics, batch.stereo_T_target)
    known = (depth > 0) & warped.valid
    beside = sample(source.image, warped.pixels + torch.tensor([shift, 0.0])[None, :, None, None])
    error = (warped.image - target.image).abs().mean(1, keepdim=True)[known].mean()
    assert (beside - target.image).abs().mean(1, keepdim=True)[known].mean() > 1.25 * error


def test_depth_range_is_that_of_the_published_disparities(batch):
    depth = batch.depth[0]
    known = depth[depth > 0]
    assert known.numel() / depth.numel() == pytest.approx(0.9265, abs=1e-3)
    nearest, farthest = (994.978 * 0.193001 / (disparity + 31.086) for disparity in (59.90896, 7.1913557))
    assert known.min().item() == pytest.approx(nearest, rel=1e-4)
    assert known.max().item() == pytest.approx(farthest, rel=1e-4)


def test_both_views_train_and_the_left_one_validates(ask):
    train = build_dataset("motorcycle", ask(frame_ids=(0, "s"), **NATIVE))
    assert [train.name(i) for i in range(len(train))] == ["motorcycle 0 l", "motorcycle 0 r"]
    assert train.baseline_m == pytest.approx(0.193001)
    assert torch.equal(train[0].images[0], train[1].images[1])
    assert torch.equal(train[0].intrinsics[0], train[1].intrinsics[1])
    assert train[1].stereo_T_target[0, 3].item() == pytest.approx(0.193001)
    assert train.depth(1) is None
    assert len(build_dataset("motorcycle", ask(part="val", **NATIVE))) == 1


def test_it_is_one_moment(ask):
    with pytest.raises(UserError, match="neighbour frame -1 missing"):
        build_dataset("motorcycle", ask(frame_ids=(0, -1), **NATIVE))


def test_it_needs_no_path_and_no_list(ask, tmp_path):
    for given in ({"data_path": tmp_path}, {"split": "eigen_zhou"}, {"lines": ("a 0 l",)}):
        with pytest.raises(UserError, match="motorcycle is one pair inside scikit-image"):
            build_dataset("motorcycle", ask(**given, **NATIVE))
