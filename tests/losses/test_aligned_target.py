"""The teacher's map in the student's unit: exact where it can be, finite and counted where it cannot."""

from __future__ import annotations

import pytest
import torch
from depth_maps import depths, everywhere, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.losses import (
    AlignedTarget,
    align,
    aligned_depth,
    spatial_loss,
    statistical_loss,
)

QUANTITIES = pytest.mark.parametrize("quantity", ["disparity", "depth"])
SEEDS = st.integers(0, 1000)


def target_of(teacher: Tensor, student: Tensor, quantity: str = "disparity", **limits) -> AlignedTarget:
    return aligned_depth(teacher, student, quantity=quantity, **{"min_depth": 0.1, "max_depth": 100.0, **limits})


@settings(deadline=None, max_examples=40)
@given(st.floats(1e-5, 1e5), st.floats(-3, 3), SEEDS)
def test_a_teacher_that_is_affine_in_the_truth_gives_the_truth(scale: float, shift: float, seed: int) -> None:
    depth = depths(2, 1, 8, 11, seed=seed)
    for quantity, truth in (("disparity", 1 / depth), ("depth", depth)):
        target = target_of(scale * (truth + shift), depth, quantity)
        torch.testing.assert_close(target.depth, depth)
        assert target.valid.all() and target.usable.all()


def test_disparity_is_aligned_as_disparity_where_the_published_inverse_bends_depth() -> None:
    depth = depths(1, 1, 32, 32)
    raw = (1 / depth - 0.1378) / 0.000305  # what the network of the NYU checkpoint gives
    torch.testing.assert_close(target_of(raw, depth).depth, depth)
    published = target_of(1 / (raw + 1), depth, "depth")
    assert ((published.depth - depth).abs() / depth).mean() > 0.08


def test_the_target_stays_in_the_depth_range() -> None:
    depth = depths(1, 1, 16, 16)
    trusted = everywhere(depth)
    trusted[..., :2, :2] = False
    for quantity, truth in (("disparity", 1 / depth), ("depth", depth)):
        teacher = truth.clone()
        teacher[0, 0, :2, 0], teacher[0, 0, :2, 1] = -7, 700  # far and near, or near and far
        target = target_of(teacher, depth, quantity, valid=trusted, max_depth=10.0)
        far, near = (0, 1) if quantity == "disparity" else (1, 0)
        assert target.depth[0, 0, :2, far].tolist() == pytest.approx([10, 10])
        assert target.depth[0, 0, :2, near].tolist() == pytest.approx([0.1, 0.1])
        torch.testing.assert_close(target.depth[trusted], depth[trusted])
        assert torch.equal(target.valid, trusted)


@QUANTITIES
def test_pixels_that_are_not_finite_are_invalid_and_poison_nothing(quantity: str) -> None:
    student = depths(2, 1, 16, 16, dtype=torch.float32).requires_grad_()
    teacher = (1 / student if quantity == "disparity" else student).detach() * 3 + 1
    teacher[0, 0, 8, 8:11] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    target = target_of(teacher, student, quantity)
    assert target.depth.isfinite().all()
    assert torch.equal(target.valid, teacher.isfinite())
    assert target.usable.all()
    torch.testing.assert_close(target.depth[target.valid], student.detach()[target.valid])
    total = statistical_loss(student, target.depth, target.valid) + spatial_loss(student, target.depth, target.valid)
    total.sum().backward()
    assert total.isfinite().all()
    assert student.grad is not None and student.grad.isfinite().all() and (student.grad[1] != 0).any()


@QUANTITIES
def test_constant_and_reversed_teachers_are_skipped_and_the_others_are_not(quantity: str) -> None:
    student = depths(3, 1, 16, 16).requires_grad_()
    teacher = (1 / student if quantity == "disparity" else student).detach().clone()
    teacher[0], teacher[1] = 0.7, -teacher[1]
    target = target_of(teacher, student, quantity)
    assert target.usable.tolist() == [False, False, True]
    assert target.valid.flatten(1).any(1).tolist() == [False, False, True]
    assert target.depth.isfinite().all()
    for loss in (statistical_loss, spatial_loss):
        other = (target.depth + 0.1 * noise(3, 1, 16, 16)).detach()
        (slope,) = torch.autograd.grad(loss(student, other, target.valid).sum(), student)
        assert loss(student, other, target.valid)[:2].tolist() == [0, 0]
        assert (slope[:2] == 0).all() and (slope[2] != 0).any()


def test_student_depths_that_have_no_inverse_take_no_part_in_the_fit() -> None:
    depth = depths(1, 1, 8, 8)
    student = depth.clone()
    student[0, 0, 0, :2] = torch.tensor([0.0, -1.0])
    torch.testing.assert_close(target_of(2 / depth + 1, student).depth, depth)


def test_a_cached_half_precision_teacher_and_one_from_inference_mode() -> None:
    student = depths(1, 1, 16, 16, dtype=torch.float32).requires_grad_()
    with torch.inference_mode():
        teacher = (1000 / student.detach()).half()
    target = target_of(teacher, student)
    assert target.depth.dtype == torch.float32
    torch.testing.assert_close(target.depth, student.detach(), rtol=1e-3, atol=0)
    for loss in (statistical_loss, spatial_loss):
        loss(student, target.depth, target.valid).backward()
    assert student.grad is not None


def test_no_such_quantity() -> None:
    with pytest.raises(UserError, match="gives 'disparity' or 'depth', but its quantity is 'inverse'"):
        target_of(depths(1, 1, 8, 8), depths(1, 1, 8, 8), "inverse")


def test_the_target_of_one_image_is_the_alignment_of_its_own() -> None:
    depth = depths(2, 1, 12, 12)
    teacher = 1 / depth + 0.1 * noise(2, 1, 12, 12, seed=1)
    expected = 1 / align(teacher, 1 / depth).apply(teacher).clamp(0.01, 10)
    torch.testing.assert_close(target_of(teacher, depth).depth, expected)
