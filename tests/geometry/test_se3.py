"""Rigid motions against scipy, closed forms and themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from geometry.se3 import (
    axis_angle_from_rotation,
    compose,
    invert_transform,
    mirror_transform,
    rigid_transform,
    rotation_from_axis_angle,
    translation_transform,
)

ANGLES = [0.0, 1e-12, 1e-8, 1e-4, 1e-3, 0.1, 0.3, 0.31, 0.33, 0.4, 0.41, 1.0, 2.0, 3.0, math.pi - 1e-6]


def vectors(limit: float = 1.8) -> st.SearchStrategy[Tensor]:
    floats = st.floats(-limit, limit)
    return st.tuples(floats, floats, floats).map(lambda xyz: torch.tensor(xyz, dtype=torch.float64))


def directions(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 3, dtype=torch.float64, generator=generator), dim=-1)


@pytest.mark.parametrize("angle", ANGLES)
def test_rotation_is_scipys(angle: float) -> None:
    axis_angle = angle * directions(20)
    expected = Rotation.from_rotvec(axis_angle.numpy()).as_matrix()
    np.testing.assert_allclose(rotation_from_axis_angle(axis_angle).numpy(), expected, rtol=0, atol=1e-14)
    single = rotation_from_axis_angle(axis_angle.float())
    np.testing.assert_allclose(single.numpy(), expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("angle", [*ANGLES, math.pi])
def test_axis_angle_is_scipys(angle: float) -> None:
    rotations = Rotation.from_rotvec(angle * directions(20).numpy())
    found = axis_angle_from_rotation(torch.from_numpy(rotations.as_matrix()))
    again = Rotation.from_rotvec(found.numpy())
    assert (rotations * again.inv()).magnitude().max() < 1e-14
    np.testing.assert_allclose(found.norm(dim=-1).numpy(), angle, rtol=0, atol=1e-13)
    if angle < math.pi:  # at pi both signs of the axis are right
        np.testing.assert_allclose(found.numpy(), rotations.as_rotvec(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.6, -0.8, 0.0)])
def test_axis_angle_of_half_turns(axis: tuple[float, float, float]) -> None:
    rotation = rotation_from_axis_angle(math.pi * torch.tensor(axis, dtype=torch.float64))
    found = axis_angle_from_rotation(rotation)
    torch.testing.assert_close(found.abs(), math.pi * torch.tensor(axis, dtype=torch.float64).abs())


@settings(deadline=None, max_examples=60)
@given(vectors())
def test_axis_angle_and_rotation_undo_each_other(axis_angle: Tensor) -> None:
    found = axis_angle_from_rotation(rotation_from_axis_angle(axis_angle))
    if axis_angle.norm() < math.pi - 1e-3:
        torch.testing.assert_close(found, axis_angle, rtol=0, atol=1e-11)
    rotation = rotation_from_axis_angle(axis_angle)
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-14)


def test_float32_rotations_are_orthonormal() -> None:
    rotation = rotation_from_axis_angle(0.05 * directions(1000).float())
    identity = torch.eye(3).expand(1000, 3, 3)
    torch.testing.assert_close(rotation @ rotation.mT, identity, rtol=0, atol=3e-7)


def test_no_rotation_is_exactly_the_identity_with_the_gradient_of_the_generators() -> None:
    axis_angle = torch.zeros(3, requires_grad=True)
    assert torch.equal(rotation_from_axis_angle(axis_angle), torch.eye(3))
    jacobian = torch.autograd.functional.jacobian(rotation_from_axis_angle, axis_angle)
    generators = torch.zeros(3, 3, 3)
    for k, (i, j) in enumerate([(2, 1), (0, 2), (1, 0)]):
        generators[i, j, k], generators[j, i, k] = 1.0, -1.0
    assert torch.equal(jacobian, generators)


@pytest.mark.parametrize("length", [0.0, 1e-9, 1e-5, 0.1, 0.3162, 0.3163, 1.0, 2.5])
def test_rotation_gradients_are_smooth_at_and_around_zero(length: float) -> None:
    axis_angle = (length * directions(2)).requires_grad_()
    assert torch.autograd.gradcheck(rotation_from_axis_angle, axis_angle)
    assert torch.autograd.gradgradcheck(rotation_from_axis_angle, axis_angle)


@pytest.mark.parametrize("length", [0.0, 1e-5, 0.2, 0.4, 0.41, 1.0, 2.0, 2.8])
def test_axis_angle_gradients(length: float) -> None:
    rotation = rotation_from_axis_angle(length * directions(4, seed=1)).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_from_rotation, rotation)


def test_axis_angle_gradient_of_a_half_turn_is_finite() -> None:
    rotation = torch.diag(torch.tensor([1.0, -1.0, -1.0])).requires_grad_()
    axis_angle_from_rotation(rotation).sum().backward()
    assert rotation.grad is not None and rotation.grad.isfinite().all()


def test_rigid_transform_gradients() -> None:
    axis_angle = (0.3 * directions(2)).requires_grad_()
    translation = directions(2, seed=1).requires_grad_()
    for invert in (False, True):
        assert torch.autograd.gradcheck(lambda v, t, i=invert: rigid_transform(v, t, i), (axis_angle, translation))


def test_rigid_transform_turns_first_and_moves_second() -> None:
    quarter_turn_about_z = torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64)
    T = rigid_transform(quarter_turn_about_z, torch.tensor([10.0, 0.0, 0.0], dtype=torch.float64))
    point = torch.tensor([1.0, 2.0, 3.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(T @ point, torch.tensor([8.0, 1.0, 3.0, 1.0], dtype=torch.float64))


@settings(deadline=None, max_examples=60)
@given(vectors(), vectors(100.0))
def test_three_ways_to_invert_agree(axis_angle: Tensor, translation: Tensor) -> None:
    forward = rigid_transform(axis_angle, translation)
    backward = rigid_transform(axis_angle, translation, invert=True)
    identity = torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(backward @ forward, identity, rtol=0, atol=1e-12)
    torch.testing.assert_close(invert_transform(forward), backward, rtol=0, atol=1e-12)
    torch.testing.assert_close(invert_transform(invert_transform(forward)), forward, rtol=0, atol=1e-12)


def test_inverse_in_float32_is_exact_to_1e_6() -> None:
    v, t = 0.5 * directions(100).float(), directions(100, seed=1).float()
    product = rigid_transform(v, t, invert=True) @ rigid_transform(v, t)
    torch.testing.assert_close(product, torch.eye(4).expand(100, 4, 4), rtol=0, atol=1e-6)


def test_leading_axes_are_kept() -> None:
    T = rigid_transform(torch.zeros(2, 5, 3), torch.ones(2, 5, 3))
    assert T.shape == (2, 5, 4, 4)
    assert invert_transform(T).shape == mirror_transform(T).shape == (2, 5, 4, 4)
    assert axis_angle_from_rotation(T[..., :3, :3]).shape == (2, 5, 3)
    assert translation_transform(torch.ones(2, 5, 3)).equal(T)


@settings(deadline=None, max_examples=40)
@given(vectors(), vectors(10.0))
def test_mirroring_is_conjugation_by_the_flip(axis_angle: Tensor, translation: Tensor) -> None:
    T = rigid_transform(axis_angle, translation)
    M = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(mirror_transform(T), M @ T @ M, rtol=0, atol=0)
    torch.testing.assert_close(mirror_transform(mirror_transform(T)), T, rtol=0, atol=0)


def test_mirroring_exchanges_left_and_right_baselines() -> None:
    left_to_right = translation_transform(torch.tensor([-0.54, 0.0, 0.0]))
    assert torch.equal(mirror_transform(left_to_right), translation_transform(torch.tensor([0.54, 0.0, 0.0])))


def test_compose_chains_frames() -> None:
    b_T_a = rigid_transform(0.3 * directions(3), directions(3, seed=1))
    c_T_b = rigid_transform(0.7 * directions(3, seed=2), directions(3, seed=3))
    torch.testing.assert_close(compose(c_T_b, b_T_a), c_T_b @ b_T_a, rtol=0, atol=1e-14)
