"""SSIM against closed forms, the plain formula in float64, and finite differences."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from golden_inputs import assert_stats, img, load_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.losses import ssim_loss_map, target_statistics

C1, C2 = 0.01**2, 0.03**2


def plain_ssim_loss(x: Tensor, y: Tensor) -> Tensor:
    """The published formula, in the words of the publication."""
    x, y = (F.pad(image, (1, 1, 1, 1), mode="reflect") for image in (x, y))
    mean_x, mean_y = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)
    variance_x = F.avg_pool2d(x * x, 3, 1) - mean_x * mean_x
    variance_y = F.avg_pool2d(y * y, 3, 1) - mean_y * mean_y
    covariance = F.avg_pool2d(x * y, 3, 1) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    denominator = (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    return ((1 - numerator / denominator) / 2).clamp(0, 1)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def similar_pair(brightness: float = 0.0) -> tuple[Tensor, Tensor]:
    """A smooth image, and the same with little noise: where the plain formula cancels."""
    target = brightness + (1 - brightness) * img(1, 3, 64, 96).double()
    return (target + 0.003 * (noise(1, 3, 64, 96) - 0.5)).clamp(0, 1), target


def test_golden_map() -> None:
    golden = load_golden()["net_md2"]["SSIM loss map src=img(ph=.3) tgt=img"]
    # The reference rounds: its own float32 is up to 8e-6 off the exact map, ours 2e-6.
    assert_stats(ssim_loss_map(img(1, 3, 6, 8, 0.3), img(1, 3, 6, 8)), golden, rtol=1e-6, atol=3e-6)


def test_an_image_is_exactly_like_itself() -> None:
    image = noise(2, 3, 9, 7, dtype=torch.float32).requires_grad_()
    loss = ssim_loss_map(image, image.detach())
    assert (loss == 0).all()
    loss.sum().backward()
    assert image.grad is not None
    assert (image.grad == 0).all()


def test_constant_images() -> None:
    loss = ssim_loss_map(torch.full((1, 1, 4, 5), 0.2), torch.full((1, 1, 4, 5), 0.6))
    expected = (1 - (2 * 0.12 + C1) / (0.04 + 0.36 + C1)) / 2
    assert expected == pytest.approx(0.19995, abs=1e-5)
    torch.testing.assert_close(loss, torch.full_like(loss, expected), rtol=2e-5, atol=0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_is_the_published_formula_symmetric_and_within_0_and_1(b: int, c: int, h: int, w: int, seed: int) -> None:
    x, y = noise(2, b, c, h, w, seed=seed)
    loss = ssim_loss_map(x, y)
    torch.testing.assert_close(loss, plain_ssim_loss(x, y), rtol=0, atol=1e-12)
    torch.testing.assert_close(loss, ssim_loss_map(y, x), rtol=0, atol=1e-12)
    assert loss.shape == (b, c, h, w)
    for contrast in (1.0, 0.01, 1e-4, 0.0):
        single = ssim_loss_map(x.float(), (x + contrast * (y - x)).float())
        assert (single >= 0).all() and (single <= 1).all()


def test_opposite_images_reach_the_upper_end_without_leaving_it() -> None:
    row, column = torch.arange(8)[:, None], torch.arange(9)
    checkers = ((row + column) % 2).float()[None, None]
    loss = ssim_loss_map(checkers, 1 - checkers)
    assert loss.min() > 0.98 and loss.max() <= 1


@pytest.mark.parametrize("brightness", [0.0, 0.9])
def test_float32_keeps_the_digits_that_the_plain_formula_cancels(brightness: float) -> None:
    prediction, target = similar_pair(brightness)
    exact = plain_ssim_loss(prediction, target)

    def error(loss: Tensor) -> float:
        return ((loss.double() - exact).square().mean() / exact.square().mean()).sqrt().item()

    ours = error(ssim_loss_map(prediction.float(), target.float()))
    assert ours < 1e-4
    assert ours < 1e-3 * error(plain_ssim_loss(prediction.float(), target.float()))


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 3), (5, 4), (3, 7)])
def test_gradients_to_either_image_and_both(height: int, width: int) -> None:
    x, y = (image.requires_grad_() for image in noise(2, 2, 2, height, width).unbind())
    assert torch.autograd.gradcheck(ssim_loss_map, (x, y.detach()))
    assert torch.autograd.gradcheck(ssim_loss_map, (x.detach(), y))
    assert torch.autograd.gradcheck(ssim_loss_map, (x, y))
    assert torch.autograd.gradcheck(lambda a, b: ssim_loss_map(a, b, target_statistics(b)), (x, y))


def test_gradient_is_that_of_the_published_formula() -> None:
    x, y = noise(2, 2, 3, 17, 23).unbind()
    weights = noise(2, 3, 17, 23, seed=1)
    slopes = []
    for function in (ssim_loss_map, plain_ssim_loss):
        prediction = x.clone().requires_grad_()
        (function(prediction, y) * weights).sum().backward()
        slopes.append(prediction.grad)
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-11)


def test_shared_statistics_change_nothing() -> None:
    x, y = noise(2, 2, 3, 6, 8, dtype=torch.float32).unbind()
    statistics = target_statistics(y)
    assert torch.equal(ssim_loss_map(x, y, statistics), ssim_loss_map(x, y))
    second = statistics.image(1)
    assert torch.equal(ssim_loss_map(x[1:], y[1:], second), ssim_loss_map(x, y)[1:])
    torch.testing.assert_close(statistics.mean + 0.5, F.avg_pool2d(F.pad(y, (1, 1, 1, 1), mode="reflect"), 3, 1))


def test_images_of_different_shape_are_refused() -> None:
    with pytest.raises(UserError, match="must have one shape.*\\[1, 3, 4, 4\\].*\\[1, 3, 4, 5\\]"):
        ssim_loss_map(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))


def test_images_too_small_for_a_window_are_refused() -> None:
    with pytest.raises(UserError, match="at least 2 x 2 pixels, but the image is 7 x 1"):
        ssim_loss_map(torch.zeros(1, 3, 1, 7), torch.zeros(1, 3, 1, 7))
