"""Pictures of images whose truth is known: what is called prediction, truth, error and auto-mask is just that."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stereo_footage import wall

from selfsup_depth.config import DataConfig, LossConfig, NetworkConfig, TrainConfig
from selfsup_depth.datasets import ViewDataset
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.outcome.auto_masks import AutoMasks
from selfsup_depth.outcome.looks import choose, comparison_example, example
from selfsup_depth.report.colours import depth_picture, depth_range
from tests.outcome.told_wall import PLACES, looks_at, told, wall_set

NONE = SimpleNamespace(find=lambda name: None)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> ViewDataset:
    return wall_set(tmp_path_factory.mktemp("wall"))


def titles(found) -> list[str]:
    return [picture.title for picture in found.pictures]


def test_a_true_prediction_has_no_error(dataset):
    looks = looks_at(dataset, (1.0, 1.0, 1.0))
    found = example(looks, NONE, dataset.name(0))
    assert titles(found) == ["image", "prediction", "ground truth", "relative error"]
    image, prediction, truth, error = (picture.pixels for picture in found.pictures)
    assert np.array_equal(image, wall(*PLACES[0])[0])
    counted = looks.see(dataset.name(0)).truth > 0  # the protocol leaves out what the Garg crop leaves out
    assert 0.3 < counted.mean() < 1 and (truth[~counted] == 128).all() and (error[~counted] == 128).all()
    assert np.abs(prediction.astype(int) - truth)[counted].mean() < 2  # of 256 colours
    assert (error[counted] > 235).all()  # white: the middle of red and blue
    assert found.caption == "abs_rel 0.000, rmse 1.00 m, a1 0.500"


def test_too_far_is_blue_and_too_near_is_red(dataset):
    looks = looks_at(dataset, (1.3, 0.7, 1.0))
    far, near = (
        example(looks, NONE, dataset.name(i)).pictures[3].pixels[looks.see(dataset.name(i)).truth > 0].astype(int)
        for i in (0, 1)
    )
    assert (far[..., 2] > far[..., 0] + 40).all() and (near[..., 0] > near[..., 2] + 40).all()


def test_aligned_scores_are_shown_on_aligned_depth(dataset):
    def ratio(looks) -> float:
        seen = looks.see(dataset.name(0))
        counted = seen.truth > 0
        return float(np.median(seen.depth[counted] / seen.truth[counted]))

    metres, aligned = (looks_at(dataset, (1.3, 0.7, 1.0), column) for column in ("un-aligned", "aligned"))
    assert ratio(metres) == pytest.approx(1.3, 0.01) and ratio(aligned) == pytest.approx(1.0, 0.01)
    assert (metres.unit, aligned.unit) == ("metres", "metres (median-aligned)")


def test_the_best_and_the_worst_are_those(dataset):
    best, worst = choose(looks_at(dataset, (1.2, 1.0, 0.6)), 1)
    assert (best, worst) == ([dataset.name(1)], [dataset.name(2)])


def test_two_runs_show_the_depth_and_the_error_of_each(dataset):
    first, second = looks_at(dataset, (1.0, 1.0, 1.0)), looks_at(dataset, (1.3, 1.3, 1.3))
    found = comparison_example(first, second, ("mdp", "other"), dataset.name(2))
    assert titles(found) == ["image", "mdp", "other", "ground truth", "mdp: relative error", "other: relative error"]
    truth, counted = wall(*PLACES[2])[1], first.see(dataset.name(2)).truth > 0
    shown = [np.where(counted, truth, 0), truth, 1.3 * truth]
    expected = depth_picture("other", 1.3 * truth, *depth_range(*shown), "metres").pixels
    assert np.abs(found.pictures[2].pixels.astype(int) - expected).mean() < 3
    mdp, other = (picture.pixels[counted].astype(int) for picture in found.pictures[4:])
    assert (mdp > 235).all() and (other[..., 2] > other[..., 0] + 40).all()
    assert found.caption == "abs_rel: mdp 0.000, other 0.300"


# ------------------------------------------------------------------ auto-masks


def masks_of(dataset: ViewDataset, depth: float) -> AutoMasks:
    """Of a stereo method that sees every image at this depth, metres."""
    network = NetworkConfig(weights_init="scratch", encoder="mobilenetv3_small_050", initial_depth=depth / 5)
    data = DataConfig(frame_ids=(0,), use_stereo=True)
    run = SimpleNamespace(config=TrainConfig(data=data, network=network))
    method = build_method("monodepth2", MethodRequest(network, LossConfig(), (0,), True, 5.0)).eval()
    return AutoMasks(run, method, dataset)


def test_the_auto_mask_ignores_what_looks_the_same_without_motion(dataset, tmp_path):
    """A rig that sees the wall, and one whose cameras show the same picture."""
    still = wall_set(tmp_path / "still", still=True)
    seen, same = (masks_of(each, 8.0).find(each.name(0)) for each in (dataset, still))
    assert seen.shape == same.shape == (64, 96)
    assert float(seen.mean()) > 0.8 and float(same.mean()) < 0.1


def test_the_mask_is_laid_on_the_image(dataset):
    kept = torch.ones(64, 96)
    kept[:, :48] = 0
    looks = looks_at(dataset, (1.0, 1.0, 1.0))
    found = example(looks, SimpleNamespace(find=lambda name: kept), dataset.name(0))
    assert titles(found)[-1] == "auto-mask: 50 % ignored (dark)"
    pixels, image = found.pictures[-1].pixels, wall(*PLACES[0])[0]
    assert np.array_equal(pixels[:, 48:], image[:, 48:]) and pixels[:, :48].max() < 50


def test_without_truth_there_is_no_error(dataset):
    looks = looks_at(dataset, (1.0, 1.0, 1.0))
    looks.rows.clear()
    found = example(looks, NONE, dataset.name(0))
    assert titles(found) == ["image", "prediction"] and found.caption == ""
    assert told(metric=False).metric is False
