"""Clouds of a wall whose place is known: z = 8 + 0.5 x, from cameras that stand somewhere before it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from stereo_footage import FOCAL, HEIGHT, WIDTH, wall

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.outcome import spatial
from selfsup_depth.outcome.spatial import clouds
from tests.outcome.told_wall import PLACES, looks_at, wall_set

AS_CALIBRATED = SimpleNamespace(camera=lambda intrinsics: intrinsics)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> ViewDataset:
    return wall_set(tmp_path_factory.mktemp("wall"))


def off_the_wall(points: np.ndarray, place: tuple[float, float], factor: float = 1.0) -> float:
    """Metres from the plane, at most; a prediction that is `factor` too far moves the wall away from the camera."""
    x, _, z = (points / factor).T
    return float(np.abs((z + place[1]) - (8.0 + 0.5 * (x + place[0]))).max())


def test_points_lie_on_the_wall_in_metres(dataset):
    looks = looks_at(dataset, (1.0, 1.2, 1.0))
    found = clouds(looks, [dataset.name(1), dataset.name(0)], AS_CALIBRATED)
    assert [(one.frame, one.label) for one in found] == [
        (dataset.name(i), label) for i in (1, 0) for label in ("prediction", "ground truth")
    ]
    predicted, truth, *_ = found
    assert off_the_wall(predicted.points, PLACES[1], 1.2) < 0.02 and off_the_wall(truth.points, PLACES[1]) < 0.02
    assert len(truth.points) == HEIGHT * WIDTH


def test_points_have_the_colours_of_their_pixels(dataset):
    (_, truth) = clouds(looks_at(dataset, (1.0, 1.0, 1.0)), [dataset.name(2)], AS_CALIBRATED)
    image = wall(*PLACES[2])[0]
    columns = np.floor(truth.points[:, 0] / truth.points[:, 2] * FOCAL + WIDTH / 2 + 0.01).astype(int)
    rows = np.floor(truth.points[:, 1] / truth.points[:, 2] * FOCAL + HEIGHT / 2 + 0.01).astype(int)
    assert np.abs(image[rows, columns].astype(int) - truth.colours).max() <= 1
    assert truth.spacing == pytest.approx(float(np.median(truth.points[:, 2])) / FOCAL, rel=0.01)


def test_the_camera_is_the_one_that_was_learnt(dataset):
    """Twice the focal length: everything is half as far aside."""

    def camera(intrinsics: torch.Tensor) -> torch.Tensor:
        longer = intrinsics.clone()
        longer[0, 0] *= 2
        longer[1, 1] *= 2
        return longer

    looks = looks_at(dataset, (1.0, 1.0, 1.0))
    usual, learnt = (
        clouds(looks, [dataset.name(0)], method)[0].points for method in (AS_CALIBRATED, SimpleNamespace(camera=camera))
    )
    assert learnt[:, 2] == pytest.approx(usual[:, 2]) and 2 * learnt[:, :2] == pytest.approx(usual[:, :2], abs=1e-4)


def test_a_page_does_not_grow_with_the_camera(dataset, monkeypatch):
    monkeypatch.setattr(spatial, "LARGEST", 600)
    found = clouds(looks_at(dataset, (1.0, 1.0, 1.0)), [dataset.name(0)], AS_CALIBRATED)
    assert all(400 < len(one.points) <= 600 for one in found)
    assert off_the_wall(found[0].points, PLACES[0]) < 0.05  # its camera has shrunk with it
    assert found[1].spacing > 2.5 * 9 / FOCAL  # fewer points stand farther apart


def test_what_is_very_far_is_left_out(dataset, monkeypatch):
    monkeypatch.setattr(spatial, "FARTHEST", 1.1)
    (predicted, truth) = clouds(looks_at(dataset, (1.0, 1.0, 1.0)), [dataset.name(0)], AS_CALIBRATED)
    limit = 1.1 * float(np.median(wall(*PLACES[0])[1]))
    assert predicted.points[:, 2].max() <= limit + 1e-3 and truth.points[:, 2].max() <= limit + 1e-3
    assert len(truth.points) < 0.8 * HEIGHT * WIDTH
