"""Intrinsics change together with the image, and impossible ones are refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geometry.camera import (
    check_intrinsics,
    crop_intrinsics,
    flip_intrinsics,
    intrinsics_matrix,
    invert_intrinsics,
    resize_intrinsics,
)
from geometry.projection import project

focals = st.floats(20.0, 2000.0)
centres = st.floats(1.0, 1000.0)


@st.composite
def cameras(draw: st.DrawFn) -> Tensor:
    K = intrinsics_matrix(draw(focals), draw(focals), draw(centres), draw(centres)).double()
    K[0, 1] = draw(st.floats(-5.0, 5.0))
    return K[None]


@st.composite
def visible_points(draw: st.DrawFn) -> Tensor:
    coordinates = st.floats(-10.0, 10.0)
    point = [draw(coordinates), draw(coordinates), draw(st.floats(0.5, 50.0))]
    return torch.tensor(point, dtype=torch.float64).reshape(1, 3, 1, 1)


def pixel_of(point: Tensor, K: Tensor) -> Tensor:
    return project(point, K)[0].flatten()


def test_matrix_holds_its_four_numbers() -> None:
    expected = torch.tensor([[700.0, 0.0, 320.5], [0.0, 710.0, 96.25], [0.0, 0.0, 1.0]])
    assert torch.equal(intrinsics_matrix(700.0, 710.0, 320.5, 96.25), expected)


@settings(deadline=None, max_examples=50)
@given(cameras(), visible_points(), st.floats(0.1, 4.0), st.floats(0.1, 4.0))
def test_projecting_then_resizing_is_projecting_with_resized_intrinsics(
    K: Tensor, point: Tensor, scale_x: float, scale_y: float
) -> None:
    resized_pixel = pixel_of(point, K) * torch.tensor([scale_x, scale_y], dtype=torch.float64)
    found = pixel_of(point, resize_intrinsics(K, scale_x, scale_y))
    torch.testing.assert_close(found, resized_pixel, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(cameras(), visible_points(), st.integers(-50, 500), st.integers(-50, 500))
def test_projecting_then_cropping_is_projecting_with_cropped_intrinsics(
    K: Tensor, point: Tensor, left: int, top: int
) -> None:
    cropped_pixel = pixel_of(point, K) - torch.tensor([left, top], dtype=torch.float64)
    torch.testing.assert_close(pixel_of(point, crop_intrinsics(K, left, top)), cropped_pixel, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(cameras(), visible_points(), st.integers(1, 2000))
def test_projecting_then_flipping_is_projecting_the_mirrored_point_with_flipped_intrinsics(
    K: Tensor, point: Tensor, width: int
) -> None:
    u, v = pixel_of(point, K)
    mirrored = point * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    found = pixel_of(mirrored, flip_intrinsics(K, width))
    torch.testing.assert_close(found, torch.stack([width - u, v]), rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=50)
@given(cameras())
def test_inverse_is_an_inverse_and_undoes_itself(K: Tensor) -> None:
    inverse = invert_intrinsics(K)
    torch.testing.assert_close(K @ inverse, torch.eye(3, dtype=torch.float64)[None], rtol=0, atol=1e-9)
    twice = invert_intrinsics(inverse)
    torch.testing.assert_close(twice, K, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=20)
@given(cameras(), st.integers(1, 2000))
def test_flipping_twice_changes_nothing(K: Tensor, width: int) -> None:
    torch.testing.assert_close(flip_intrinsics(flip_intrinsics(K, width), width), K, rtol=0, atol=1e-9)


def test_changes_leave_the_given_matrix_alone_and_keep_leading_axes() -> None:
    K = intrinsics_matrix(700.0, 710.0, 320.0, 96.0).expand(2, 4, 3, 3)
    before = K.clone()
    for changed in (
        resize_intrinsics(K, 0.5, 2.0),
        crop_intrinsics(K, 3, 4),
        flip_intrinsics(K, 1000),
        invert_intrinsics(K),
    ):
        assert changed.shape == (2, 4, 3, 3)
        assert not torch.equal(changed, K)
    assert torch.equal(K, before)


def test_inverse_gradients() -> None:
    K = intrinsics_matrix(70.0, 71.0, 32.0, 9.0).double()[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda k: invert_intrinsics(k), K)


GOOD = (721.5, 721.5, 609.6, 172.9)


def test_check_accepts_real_cameras() -> None:
    check_intrinsics(intrinsics_matrix(*GOOD), 1242, 375)
    check_intrinsics(intrinsics_matrix(*GOOD).expand(2, 3, 3, 3), 1242, 375)
    check_intrinsics(intrinsics_matrix(577.9, 577.9, 319.5, 239.5), 640, 480)
    check_intrinsics(intrinsics_matrix(2.0, 2.0, 1.0, 1.0), 2, 2)  # a tiny image, in pixels
    check_intrinsics(intrinsics_matrix(100.0, 100.0, 0.0, 172.9), 1242, 375)  # looks to one side only


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((float("nan"), 721.5, 609.6, 172.9), "must be finite numbers"),
        ((721.5, 721.5, float("inf"), 172.9), "must be finite numbers"),
        ((-721.5, 721.5, 609.6, 172.9), "Focal lengths must be positive, but fx = -721.5"),
        ((721.5, 0.0, 609.6, 172.9), "Focal lengths must be positive.*fy = 0"),
        ((0.58, 1.92, 0.5, 0.5), "look normalised by the image size.*multiply"),
        ((721.5, 721.5, 1300.0, 172.9), "principal point must lie inside the image.*cx = 1300"),
        ((721.5, 721.5, 609.6, -3.0), "principal point must lie inside the image.*cy = -3"),
        ((30.0, 721.5, 609.6, 172.9), "horizontal field of view must be 3 to 170 degrees.*17[0-9]"),
        ((721.5, 1.0, 609.6, 172.9), "vertical field of view"),
        ((721500.0, 721.5, 609.6, 172.9), "horizontal field of view.*is 0.1"),
    ],
)
def test_check_names_what_is_wrong(values: tuple[float, float, float, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_intrinsics(intrinsics_matrix(*values), 1242, 375)


def test_check_refuses_what_is_no_camera_matrix() -> None:
    K = intrinsics_matrix(*GOOD)
    with pytest.raises(ValueError, match="look transposed"):
        check_intrinsics(K.T, 1242, 375)
    with pytest.raises(ValueError, match="must be \\[\\[fx, s, cx\\]"):
        check_intrinsics(2 * K, 1242, 375)
    with pytest.raises(ValueError, match="shape \\[..., 3, 3\\], but have \\[4, 4\\]"):
        check_intrinsics(torch.eye(4), 1242, 375)


def test_check_looks_at_every_matrix_of_a_batch() -> None:
    batch = torch.stack([intrinsics_matrix(*GOOD), intrinsics_matrix(0.58, 1.92, 0.5, 0.5)])
    with pytest.raises(ValueError, match="normalised"):
        check_intrinsics(batch, 1242, 375)
