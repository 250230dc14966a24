"""Matches of a known scene along and across known baselines."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import rigid_transform
from geometry.two_view import ray_pixels
from selfsup_depth.preflight.disparities import Disparities, disparities
from selfsup_depth.preflight.matching import Matches
from selfsup_depth.preflight.views import Picture
from splits import SplitLine

K = intrinsics_matrix(200.0, 190.0, 160.0, 60.0).double()


def picture(matrix: Tensor | None) -> Picture:
    blank = torch.zeros(3, 120, 320, dtype=torch.uint8)
    return Picture(SplitLine("a"), "a.png", "a.png", (320, 120), blank, blank[0].float(), matrix, matrix)


def seen(stereo_T_target: Tensor, right_K: Tensor = K, believed: Tensor | None = None) -> Disparities | None:
    """Disparities of 50 points, and of those the rig is `believed` to be."""
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(50, 3, generator=generator, dtype=torch.float64) * torch.tensor([6.0, 3.0, 16.0])
    points = points + torch.tensor([-3.0, -1.5, 4.0])
    there = points @ stereo_T_target[:3, :3].T + stereo_T_target[:3, 3]
    matches = Matches(ray_pixels(points, K), ray_pixels(there, right_K), torch.ones(50, dtype=torch.bool))
    transform = stereo_T_target if believed is None else believed
    found = disparities(picture(K), picture(right_K), matches, transform)
    if found is not None and believed is None:
        torch.testing.assert_close(found.depth_m, points[:, 2])
    return found


def rig(x: float, y: float = 0.0, turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Tensor:
    return rigid_transform(torch.tensor(turn).double(), torch.tensor([x, y, 0.0]).double())


@pytest.mark.parametrize("transform", [rig(-0.5), rig(0.5), rig(0.0, -0.3), rig(0.3, 0.4)])
def test_along_is_focal_times_baseline_over_depth_whatever_the_baselines_direction(transform):
    found = seen(transform)
    assert found is not None
    assert bool((found.along > 0).all())
    assert float(found.across.abs().max()) < 1e-9
    assert found.baseline_m == pytest.approx(float(transform[:3, 3].norm()))


def test_cameras_may_have_centres_and_focal_lengths_of_their_own():
    found = seen(rig(-0.5), intrinsics_matrix(210.0, 205.0, 190.0, 55.0).double())
    assert found is not None and float(found.across.abs().max()) < 1e-9


def test_the_wrong_sign_of_the_baseline_makes_all_disparities_negative():
    found = seen(rig(-0.5), believed=rig(0.5))
    assert found is not None
    assert bool((found.along < 0).all()) and bool(found.depth_m.isinf().all())


def test_a_roll_that_is_not_known_is_measured():
    found = seen(rig(-0.5, turn=(0.0, 0.0, math.radians(0.8))), believed=rig(-0.5))
    assert found is not None
    offset, turn = found.across_model()
    assert abs(turn) == pytest.approx(0.8, abs=0.05)
    assert abs(offset) < 0.3


def test_an_offset_of_rows_is_measured():
    lower = K.clone()
    lower[1, 2] += 2.0
    found = disparities_with_right_camera(lower)
    offset, turn = found.across_model()
    assert abs(offset) == pytest.approx(2.0, rel=0.06) and abs(turn) < 0.01


def disparities_with_right_camera(true_K: Tensor) -> Disparities:
    """The right camera is `true_K`, but K is believed."""
    points = torch.tensor([[x, y, 8.0] for x in (-2.0, -1, 0, 1, 2) for y in (-1.0, 0, 1)]).double()
    matches = Matches(
        ray_pixels(points, K),
        ray_pixels(points - torch.tensor([0.5, 0, 0]), true_K),
        torch.ones(len(points), dtype=torch.bool),
    )
    found = disparities(picture(K), picture(K), matches, rig(-0.5))
    assert found is not None
    return found


def test_a_turn_that_is_known_is_undone():
    found = seen(rig(-0.5, turn=(0.01, 0.02, 0.03)))
    assert found is not None and float(found.across.abs().max()) < 1e-9


def test_there_are_none_without_a_baseline_or_without_intrinsics():
    assert seen(rig(-0.5), believed=rig(0.0)) is None
    matches = Matches(torch.ones(20, 2), torch.ones(20, 2), torch.ones(20, dtype=torch.bool))
    assert disparities(picture(None), picture(K), matches, rig(-0.5)) is None
