"""Who wins a pixel, who gets its gradient, and over how many pixels the mean is taken."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfsup_depth.losses import combine_reprojection, predictive_mask_loss


def row(*sources: list[float]) -> Tensor:
    """Errors [1, N, 1, W] of sources given as rows of pixels."""
    return torch.tensor(sources)[None, :, None]


def test_minimum_without_auto_masking() -> None:
    result = combine_reprojection(row([0.1, 0.5, 0.3], [0.2, 0.4, 0.3]))
    assert torch.equal(result.loss_map, row([0.1, 0.4, 0.3]))
    assert result.warped_wins is None
    assert result.counted.all()
    assert result.mean().item() == pytest.approx(0.8 / 3)


def test_average_without_auto_masking() -> None:
    result = combine_reprojection(row([0.1, 0.5], [0.2, 0.4]), average=True)
    torch.testing.assert_close(result.loss_map, row([0.15, 0.45]))


def test_auto_masking_takes_the_minimum_over_both_and_says_who_won() -> None:
    warped, unwarped = row([0.1, 0.5], [0.3, 0.4]), row([0.2, 0.6], [0.9, 0.3])
    result = combine_reprojection(warped, unwarped)
    assert torch.equal(result.loss_map, row([0.1, 0.3]))
    assert result.warped_wins is not None
    assert result.warped_wins.tolist() == [[[[True, False]]]]


def test_auto_masking_with_averages() -> None:
    warped, unwarped = row([0.1, 0.5], [0.3, 0.4]), row([0.2, 0.6], [0.9, 0.2])
    result = combine_reprojection(warped, unwarped, average=True)
    torch.testing.assert_close(result.loss_map, row([0.2, 0.4]))
    assert result.warped_wins is not None
    assert result.warped_wins.tolist() == [[[[True, False]]]]


def test_exact_ties_go_to_the_unwarped_source_unless_noise_decides() -> None:
    tied = row([0.25, 0.25])
    result = combine_reprojection(tied, tied)
    assert result.warped_wins is not None and not result.warped_wins.any()
    result = combine_reprojection(tied, tied, tie_break=row([1e-5, -1e-5]))
    assert result.warped_wins is not None
    assert result.warped_wins.tolist() == [[[[True, False]]]]


def test_noise_is_added_after_averaging() -> None:
    unwarped = row([0.2], [0.4])
    result = combine_reprojection(row([1.0], [1.0]), unwarped, average=True, tie_break=row([-0.05]))
    torch.testing.assert_close(result.loss_map, row([0.25]))


def test_only_the_winner_gets_gradient() -> None:
    warped = row([0.1, 0.5, 0.2], [0.3, 0.4, 0.1]).requires_grad_()
    combine_reprojection(warped, row([0.9, 0.0, 0.9], [0.9, 0.9, 0.9])).loss_map.sum().backward()
    assert warped.grad is not None
    assert torch.equal(warped.grad, row([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))


def test_invalid_sources_take_no_part() -> None:
    warped = row([0.1, 0.5, 0.2], [0.3, 0.4, 0.1]).requires_grad_()
    valid = row([False, True, False], [True, True, False]).bool()
    result = combine_reprojection(warped, valid=valid)
    torch.testing.assert_close(result.loss_map, row([0.3, 0.4, 0.0]))
    assert result.counted.tolist() == [[[[True, True, False]]]]
    assert result.mean().item() == pytest.approx(0.35)
    result.mean().backward()
    assert warped.grad is not None
    torch.testing.assert_close(warped.grad, row([0.0, 0.0, 0.0], [0.5, 0.5, 0.0]))


def test_average_is_over_the_valid_sources() -> None:
    warped = row([0.1, 0.5, 9.0], [0.3, 0.4, 9.0])
    valid = row([False, True, False], [True, True, False]).bool()
    result = combine_reprojection(warped, average=True, valid=valid)
    torch.testing.assert_close(result.loss_map, row([0.3, 0.45, 0.0]))
    assert result.mean().item() == pytest.approx(0.375)


def test_a_pixel_without_valid_source_is_not_counted_even_if_an_unwarped_one_matches() -> None:
    result = combine_reprojection(row([0.1, 0.1]), row([0.05, 0.2]), valid=row([False, True]).bool())
    assert torch.equal(result.loss_map, row([0.0, 0.1]))
    assert result.warped_wins is not None
    assert result.warped_wins.tolist() == [[[[False, True]]]]
    assert result.mean().item() == pytest.approx(0.1)


def test_nothing_valid_is_no_loss_and_no_gradient() -> None:
    warped = row([0.1, 0.2], [0.3, 0.4]).requires_grad_()
    for average in (False, True):
        result = combine_reprojection(warped, row([0.1, 0.1]), average=average, valid=torch.zeros(1, 2, 1, 2).bool())
        assert result.mean().item() == 0.0
        result.mean().backward()
    assert warped.grad is not None
    assert torch.equal(warped.grad, torch.zeros_like(warped))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.booleans(), st.booleans(), st.integers(0, 99))
def test_everything_valid_is_the_published_combination(
    batch: int, sources: int, size: int, average: bool, masked: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    warped, unwarped = torch.rand(2, batch, sources, size, size + 1, generator=generator).unbind()
    parts = [unwarped, warped] if masked else [warped]
    if average:
        parts = [part.mean(1, keepdim=True) for part in parts]
    published = torch.cat(parts, dim=1).min(dim=1, keepdim=True).values
    for valid in (None, torch.ones_like(warped, dtype=torch.bool)):
        result = combine_reprojection(warped, unwarped if masked else None, average=average, valid=valid)
        torch.testing.assert_close(result.loss_map, published)
        torch.testing.assert_close(result.mean(), published.mean())


def test_predictive_mask_loss_is_a_fifth_of_the_cross_entropy() -> None:
    mask = torch.rand(2, 2, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = 0.2 * F.binary_cross_entropy(mask, torch.ones_like(mask))
    torch.testing.assert_close(predictive_mask_loss(mask), expected)
    assert predictive_mask_loss(torch.full((1, 1, 2, 2), math.exp(-1))).item() == pytest.approx(0.2)
    assert predictive_mask_loss(torch.ones(1, 1, 2, 2)).item() == 0.0


def test_predictive_mask_loss_of_a_saturated_mask_stays_finite() -> None:
    mask = torch.tensor([0.0, 0.5]).reshape(1, 1, 1, 2).requires_grad_()
    loss = predictive_mask_loss(mask)
    loss.backward()
    assert loss.isfinite()
    assert mask.grad is not None
    torch.testing.assert_close(mask.grad.flatten(), torch.tensor([0.0, -0.2]))


def test_predictive_mask_loss_of_half_precision_is_computed_in_single() -> None:
    mask = torch.linspace(0.1, 1, 10).bfloat16()
    assert predictive_mask_loss(mask).item() == predictive_mask_loss(mask.float()).item()
