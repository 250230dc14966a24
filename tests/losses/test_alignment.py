"""Scale and shift: exact where they exist, per image, deaf to invalid pixels, honest where they mean nothing."""

from __future__ import annotations

import pytest
import torch
from depth_maps import noise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.losses import Alignment, align, align_robust, align_scale

SCALES = st.floats(1e-6, 1e6)
SEEDS = st.integers(0, 1000)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def abs_rel(prediction: Tensor, truth: Tensor) -> list[float]:
    return ((prediction - truth).abs() / truth).mean((1, 2, 3)).tolist()


def two_images() -> tuple[Tensor, Tensor]:
    """Depth 2 + 3y with little noise, the second image twice as deep, and one noisy affine teacher of tiny numbers."""
    ramp = 2 + 3 * torch.linspace(0, 1, 256, dtype=torch.float64)[:, None].expand(256, 256)
    shape = ramp + 0.05 * normal(2, 1, 256, 256)
    teacher = 0.002 * shape + 0.001 + 1e-4 * normal(2, 1, 256, 256, seed=1)
    return teacher, shape * torch.tensor([1, 2])[:, None, None, None]


def row_wise_alignment(source: Tensor, target: Tensor) -> Tensor:
    """As DistDepth's code was published: least squares of each row, averaged over the rows and the batch."""
    s, t = source - source.mean(-1, keepdim=True), target - target.mean(-1, keepdim=True)
    scale = (s * t).sum(-1) / (s * s).sum(-1)
    shift = target.mean(-1) - scale * source.mean(-1)
    return scale.nanmean() * source + shift.nanmean()


def assert_flat(alignment: Alignment, image: int, mean: float) -> None:
    assert not alignment.usable[image]
    assert alignment.scale[image] == 0
    assert alignment.shift[image].item() == pytest.approx(mean, rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3), st.integers(8, 20), st.integers(8, 20), SCALES, st.floats(-10, 10), SCALES, SEEDS)
def test_any_affine_map_is_recovered(
    batch: int, height: int, width: int, scale: float, shift: float, unit: float, seed: int
) -> None:
    source = unit * noise(batch, 1, height, width, seed=seed)
    target = scale * source + shift * scale * unit
    alignment = align(source, target)
    assert alignment.usable.all()
    torch.testing.assert_close(alignment.scale, torch.full_like(alignment.scale, scale), rtol=1e-9, atol=0)
    torch.testing.assert_close(alignment.apply(source), target, rtol=1e-9, atol=1e-9 * scale * unit)


@settings(deadline=None, max_examples=40)
@given(SCALES, st.floats(-100, 100), SEEDS)
def test_an_affine_change_of_the_source_changes_nothing(scale: float, shift: float, seed: int) -> None:
    source, target = noise(2, 2, 1, 9, 12, seed=seed)
    target = target + source  # related, so that the scale is positive
    changed = scale * (source + shift)
    torch.testing.assert_close(align(changed, target).apply(changed), align(source, target).apply(source))


@settings(deadline=None, max_examples=20)
@given(SCALES, SEEDS)
def test_every_image_is_fitted_alone(factor: float, seed: int) -> None:
    source, target = noise(2, 3, 1, 8, 9, seed=seed)
    target = target + source
    together = align(source, target * torch.tensor([1.0, factor, 1.0])[:, None, None, None])
    alone = align(source[:1], target[:1])
    assert together.scale[0] == alone.scale[0] and together.shift[0] == alone.shift[0]


def test_it_is_the_least_squares_solution() -> None:
    source, target = noise(2, 1, 1, 10, 11)
    target = target + source
    columns = torch.stack((source.flatten(), torch.ones(110, dtype=torch.float64)), 1)
    solution = torch.linalg.lstsq(columns, target.flatten()[:, None]).solution.flatten()
    alignment = align(source, target)
    torch.testing.assert_close(torch.cat((alignment.scale, alignment.shift)), solution)


def test_two_images_of_different_scale_where_fits_of_rows_fail() -> None:
    teacher, depth = two_images()
    assert abs_rel(align(teacher, depth).apply(teacher), depth) == pytest.approx([0.012, 0.012], abs=0.001)
    assert abs_rel(row_wise_alignment(teacher, depth), depth) == pytest.approx([0.55, 0.23], abs=0.01)


def test_small_numbers_are_fitted_exactly_where_a_general_solver_sees_a_constant() -> None:
    _, depth = two_images()
    depth = depth[:1].float()
    teacher = 0.002 * depth + 0.001
    assert abs_rel(align(teacher, depth).apply(teacher), depth)[0] < 1e-5
    columns = torch.stack((teacher.flatten(), torch.ones(depth.numel())), 1)
    rank_one = torch.linalg.lstsq(columns, depth.reshape(-1, 1)).solution
    assert abs_rel((columns @ rank_one).view_as(depth), depth)[0] > 0.2


def test_pixels_that_are_invalid_in_either_map_or_masked_are_ignored() -> None:
    source = noise(2, 1, 8, 10)
    target = 3 * source + 1
    source[0, 0, 0, :3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    target[1, 0, 1, :2] = torch.tensor([torch.nan, torch.inf])
    source[1, 0, 5, 5] = 1e6
    valid = torch.ones_like(source, dtype=torch.bool)
    valid[1, 0, 5, 5] = False
    alignment = align(source, target, valid)
    assert alignment.usable.all()
    torch.testing.assert_close(alignment.scale, torch.full((2,), 3.0, dtype=torch.float64))
    torch.testing.assert_close(alignment.shift, torch.full((2,), 1.0, dtype=torch.float64))


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_a_constant_source_is_not_usable_nor_one_that_only_rounds(unit: float) -> None:
    target = noise(3, 1, 8, 8, dtype=torch.float32)
    source = torch.full_like(target, 0.1 * unit)
    source[1] *= 1 + 2e-7 * (noise(1, 8, 8, seed=1, dtype=torch.float32) - 0.5)
    source[2] += 1e-4 * unit * target[2]
    alignment = align(source, target)
    assert alignment.usable.tolist() == [False, False, True]
    for image in (0, 1):
        assert_flat(alignment, image, target[image].mean().item())
    assert (alignment.apply(source)[0] == alignment.shift[0].float()).all()


def test_a_constant_target_says_nothing_about_scale() -> None:
    source = noise(1, 1, 8, 8)
    assert_flat(align(source, torch.full_like(source, 0.1)), 0, 0.1)
    assert_flat(align(source, 0.1 + 1e-8 * source), 0, 0.1)  # it only rounds


def test_a_reversed_source_is_not_usable() -> None:
    source = noise(1, 1, 8, 8)
    assert_flat(align(source, 5 - 2 * source), 0, (5 - 2 * source).mean().item())
    assert_flat(align_scale(source, -source), 0, -source.mean().item())


@pytest.mark.parametrize("fit", [align, align_scale])
def test_too_few_pixels_are_not_usable(fit) -> None:
    source = noise(3, 1, 8, 8)
    target = 2 * source
    valid = torch.zeros_like(source, dtype=torch.bool)
    valid[0, 0, :2] = True
    valid[1, 0, :2] = True
    valid[1, 0, 0, 0] = False
    alignment = fit(source, target, valid)
    assert alignment.usable.tolist() == [True, False, False]
    assert_flat(alignment, 1, target[1][valid[1]].mean().item())
    assert_flat(alignment, 2, 0.0)


def test_scale_alone() -> None:
    source = noise(2, 1, 8, 9)
    target = 2.5 * source + torch.tensor([0, 1])[:, None, None, None]
    alignment = align_scale(source, target)
    assert alignment.usable.all()
    assert (alignment.shift == 0).all()
    expected = (source * target).sum((1, 2, 3)) / (source**2).sum((1, 2, 3))
    torch.testing.assert_close(alignment.scale, expected)
    assert alignment.scale[0].item() == pytest.approx(2.5)
    assert align_scale(torch.ones_like(source), target).usable.all()  # a plane in front has a scale
    assert_flat(align_scale(torch.zeros_like(source), target), 0, target[0].mean().item())


@pytest.mark.parametrize("fit", [align, align_scale])
def test_no_gradient_goes_through_an_alignment(fit) -> None:
    source = noise(1, 1, 8, 8).requires_grad_()
    alignment = fit(source, 2 * source)
    assert not alignment.scale.requires_grad and not alignment.shift.requires_grad


def test_a_stored_half_precision_map_is_aligned_in_full_precision() -> None:
    source = (1000 * noise(1, 1, 16, 16)).half()
    target = 0.001 * source.double() + 3
    aligned = align(source, target).apply(source)
    assert aligned.dtype == torch.float32
    torch.testing.assert_close(aligned, target.float())
    assert align(source.double(), target).apply(source.double()).dtype == torch.float64


def test_maps_of_different_shape_are_refused() -> None:
    source = torch.zeros(1, 1, 8, 8)
    with pytest.raises(UserError, match=r"source is \[1, 1, 8, 8\], the target \[1, 1, 8, 9\] and the mask None"):
        align(source, torch.zeros(1, 1, 8, 9))
    with pytest.raises(UserError, match=r"the mask \[1, 1, 8, 1\]: resize"):
        align_scale(source, source, torch.ones(1, 1, 8, 1).bool())


def test_robust_alignment_follows_the_majority_where_least_squares_is_bent() -> None:
    source = noise(2, 1, 32, 32)
    target = 3 * source + 5
    target[:, :, :10] = 1.0  # three tenths of the pixels know nothing
    robust, bent = align_robust(source, target), align(source, target)
    torch.testing.assert_close(robust.scale, torch.full((2,), 3.0, dtype=torch.float64), rtol=0.01, atol=0)
    torch.testing.assert_close(robust.shift, torch.full((2,), 5.0, dtype=torch.float64), rtol=0.01, atol=0)
    assert ((bent.scale - 3).abs() > 0.1).all()


@given(scale=SCALES, shift=st.floats(-100, 100), seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_robust_alignment_recovers_an_affine_map(scale: float, shift: float, seed: int) -> None:
    source = noise(1, 1, 16, 16, seed=seed)
    target = source * scale + shift * scale
    found = align_robust(source, target)
    assert found.usable.all()
    torch.testing.assert_close(found.apply(source), target, rtol=1e-6, atol=1e-6 * scale)


def test_robust_alignment_does_not_use_a_reversed_source() -> None:
    source = noise(2, 1, 32, 32, seed=1)
    found = align_robust(source, torch.cat([5 - source[:1], 5 + source[1:]]))
    assert found.usable.tolist() == [False, True]
    assert (found.scale >= 0).all()


def test_robust_alignment_skips_constants_and_unknown_maps() -> None:
    source = noise(2, 1, 16, 16)
    for pair in ((torch.ones_like(source), source), (source, torch.ones_like(source)), (source * torch.nan, source)):
        found = align_robust(*pair)
        assert not found.usable.any()
        assert found.shift.isfinite().all()
        assert (found.scale == 0).all()


def test_robust_alignment_ignores_invalid_pixels_and_looks_at_a_part_of_a_large_map() -> None:
    source = noise(1, 1, 200, 210)
    target = 2 * source + 1
    target[..., :50] = torch.inf
    valid = torch.ones_like(source, dtype=torch.bool)
    valid[..., 150:] = False
    target[..., 150:] = -7.0
    found = align_robust(source, target, valid)
    torch.testing.assert_close(found.scale, torch.full((1,), 2.0, dtype=torch.float64))
