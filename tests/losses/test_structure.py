"""What both comparisons with a teacher promise, and the statistical one's closed forms."""

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
    aligned_depth,
    repo_statistical_loss,
    spatial_loss,
    ssim_loss_map,
    statistical_loss,
)

LOSSES = pytest.mark.parametrize("loss", [statistical_loss, spatial_loss])
SEEDS = st.integers(0, 1000)


def target_of(teacher: Tensor, student: Tensor, quantity: str = "disparity", **limits) -> AlignedTarget:
    return aligned_depth(teacher, student, quantity=quantity, **{"min_depth": 0.1, "max_depth": 100.0, **limits})


@LOSSES
@pytest.mark.parametrize("size", [(1, 8, 8), (3, 9, 21), (2, 33, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_number_per_image_of_any_size(loss, size: tuple[int, int, int], dtype: torch.dtype) -> None:
    batch, height, width = size
    student, target = depths(2, batch, 1, height, width, dtype=dtype)
    value = loss(student, target, everywhere(target))
    assert value.shape == (batch,) and value.dtype == dtype
    assert (value > 0).all() and (value < 1).all()
    for image in range(batch):
        one = slice(image, image + 1)
        torch.testing.assert_close(loss(student[one], target[one], everywhere(target[one])), value[one])


@LOSSES
def test_gradient_reaches_the_student_and_never_the_teacher(loss) -> None:
    student, teacher = (image.requires_grad_() for image in depths(2, 2, 1, 16, 16).unbind())
    mixed = 1 / teacher + 1 / student
    target = target_of(mixed, student)
    assert not target.depth.requires_grad
    loss(student, target.depth, target.valid).sum().backward()
    assert student.grad is not None and (student.grad.flatten(1).abs().amax(1) > 0).all()
    assert teacher.grad is None
    loss(student, teacher, everywhere(teacher)).sum().backward()
    assert teacher.grad is None


@LOSSES
@settings(deadline=None, max_examples=20)
@given(st.floats(1e-2, 1e3), SEEDS)
def test_the_unit_of_depth_has_no_influence(loss, unit: float, seed: int) -> None:
    student, target = depths(2, 2, 1, 12, 13, seed=seed)
    valid = noise(2, 1, 12, 13, seed=seed) < 0.95
    torch.testing.assert_close(loss(unit * student, unit * target, valid), loss(student, target, valid))


@LOSSES
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e6])
def test_invalid_pixels_have_no_influence_and_get_no_gradient(loss, bad: float) -> None:
    student, target = depths(2, 2, 1, 20, 22)
    valid = noise(2, 1, 20, 22, seed=1) < 0.98
    spoilt = [torch.where(valid, depth, bad).requires_grad_() for depth in (student, target)]
    value = loss(*spoilt, valid)
    assert torch.equal(value, loss(student, target, valid))
    value.sum().backward()
    slope = spoilt[0].grad
    assert slope is not None and slope.isfinite().all()
    assert (slope[~valid] == 0).all() and (slope != 0).any()


@LOSSES
def test_nothing_valid_is_no_loss_and_no_gradient(loss) -> None:
    student, target = depths(2, 1, 1, 16, 16)
    student.requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # not even a NaN on the way
        value = loss(student, target, ~everywhere(target))
        value.backward()
    assert value.item() == 0
    assert student.grad is not None and (student.grad == 0).all()


@LOSSES
def test_half_precision_is_computed_in_single(loss) -> None:
    student, target = depths(2, 1, 1, 16, 16).bfloat16()
    value = loss(student, target, everywhere(target))
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(student.float(), target.float(), everywhere(target)))


def test_autocast_changes_nothing() -> None:
    student, teacher = depths(2, 2, 1, 16, 16, dtype=torch.float32)

    def terms() -> Tensor:
        target = target_of(1 / student + 1 / teacher, student)
        return torch.stack([loss(student, target.depth, target.valid) for loss in (statistical_loss, spatial_loss)])

    with torch.autocast("cpu", torch.bfloat16):
        mixed = terms()
    assert torch.equal(mixed, terms())


@LOSSES
def test_maps_of_different_shape_are_refused(loss) -> None:
    depth = depths(2, 1, 8, 8)
    with pytest.raises(UserError, match=r"student's is \[2, 1, 8, 8\], the target \[1, 1, 8, 8\] and the mask"):
        loss(depth, depth[:1], everywhere(depth))
    with pytest.raises(UserError, match=r"and the mask \[1, 1, 8, 8\]: resize"):
        loss(depth, depth, everywhere(depth)[:1])


# statistics


def test_statistical_loss_of_planes_in_front() -> None:
    target = torch.tensor([2.0, 50.0]).double()[:, None, None, None].expand(2, 1, 8, 8)
    ratio = 0.4
    expected = (1 - (2 * ratio + 1e-4) / (1 + ratio**2 + 1e-4)) / 2
    loss = statistical_loss(ratio * target, target, everywhere(target))
    torch.testing.assert_close(loss, torch.full_like(loss, expected))
    assert statistical_loss(target, target, everywhere(target)).tolist() == [0, 0]


def test_statistical_loss_is_ssim_of_normalised_depth_over_whole_valid_windows() -> None:
    student, target = depths(2, 1, 1, 10, 12)
    target[0, 0, 4, 5] = 99.0
    valid = everywhere(target)
    valid[0, 0, 4, 5] = False
    largest = target[valid].quantile(0.95)
    kept = torch.ones_like(valid)
    kept[0, 0, 3:6, 4:7] = False
    expected = ssim_loss_map(student / largest, target / largest)[kept].mean()
    torch.testing.assert_close(statistical_loss(student, target, valid), expected[None])


def test_noise_on_a_wall_counts_by_its_share_of_the_depth_where_the_published_term_counts_metres() -> None:
    wall = torch.full((1, 1, 64, 64), 5.0, dtype=torch.float64)
    wall[..., 32:] = 8.0
    student = wall + 0.02 * torch.randn(wall.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = statistical_loss(student, wall, everywhere(wall)).item()
    published = [repo_statistical_loss(unit * student, unit * wall).item() for unit in (1, 10)]
    assert ours < 0.01
    assert published[0] > 10 * ours and published[1] > 3 * published[0]  # a change of unit, no more
    torch.testing.assert_close(repo_statistical_loss(student, wall), ssim_loss_map(student, wall).mean())


def test_statistical_gradient() -> None:
    student, target = depths(2, 2, 1, 8, 9)
    valid = noise(2, 1, 8, 9, seed=2) < 0.95
    assert torch.autograd.gradcheck(lambda depth: statistical_loss(depth, target, valid), student.requires_grad_())


def test_more_scales_see_how_surfaces_stand_to_each_other() -> None:
    """A smooth bump a tenth of the depth high: next to nothing in a window of 3x3, and plain on smaller maps."""
    row = torch.linspace(-1, 1, 64, dtype=torch.float64)
    bump = torch.exp(-4 * (row[:, None] ** 2 + row[None] ** 2))[None, None]
    target = 2 + 0.2 * bump
    flat = torch.full_like(target, target.mean().item())
    fine, coarse = (statistical_loss(flat, target, everywhere(target), scales=scales) for scales in (1, 4))
    assert coarse > 3 * fine
    assert statistical_loss(target, target, everywhere(target), scales=4).item() == pytest.approx(0, abs=1e-12)


def test_scales_end_where_the_map_does_and_leave_invalid_pixels_out() -> None:
    student, target = depths(1, 1, 16, 20, seed=1), depths(1, 1, 16, 20, seed=2)
    two, nine = (statistical_loss(student, target, everywhere(target), scales=scales) for scales in (2, 9))
    assert torch.equal(two, nine)
    valid = everywhere(target)
    valid[..., :4] = False
    spoilt = torch.where(valid, student, 1e6)
    torch.testing.assert_close(
        statistical_loss(spoilt, target, valid, scales=2), statistical_loss(student, target, valid, scales=2)
    )


def test_one_pixel_of_sky_changes_next_to_nothing() -> None:
    student, target = depths(1, 1, 32, 32, seed=1), depths(1, 1, 32, 32, seed=2)
    sky = target.clone()
    sky[..., 0, 0] = 100.0
    plain, with_sky = (statistical_loss(student, told, everywhere(target)) for told in (target, sky))
    assert with_sky.item() == pytest.approx(plain.item(), rel=0.05)
