"""The photometric error is what equation 2 says, and splitting the batch does not show."""

from __future__ import annotations

import pytest
import torch
from golden_inputs import assert_stats, img, load_golden
from torch import Tensor

from selfsup_depth.losses import photometric_error, ssim_loss_map, target_statistics


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, 3, 3, 6, 8, generator=generator).unbind()
    return prediction, target


def test_golden_map() -> None:
    error = photometric_error(img(1, 3, 6, 8, 0.3), img(1, 3, 6, 8))
    assert_stats(error, load_golden()["net_md2"]["photometric .85/.15"], rtol=1e-6, atol=3e-6)


def test_mixes_ssim_and_l1_per_pixel(pair: tuple[Tensor, Tensor]) -> None:
    prediction, target = pair
    expected = 0.7 * ssim_loss_map(prediction, target).mean(1) + 0.3 * (prediction - target).abs().mean(1)
    error = photometric_error(prediction, target, ssim_weight=0.7)
    torch.testing.assert_close(error, expected[:, None], rtol=1e-6, atol=1e-7)


def test_weight_zero_is_plain_l1_also_where_ssim_could_not_be_computed() -> None:
    prediction, target = torch.tensor([0.2, 0.5]).reshape(1, 2, 1, 1), torch.tensor([0.6, 0.4]).reshape(1, 2, 1, 1)
    error = photometric_error(prediction, target, ssim_weight=0)
    torch.testing.assert_close(error, torch.tensor(0.25).reshape(1, 1, 1, 1))


def test_equal_images_have_no_error(pair: tuple[Tensor, Tensor]) -> None:
    assert (photometric_error(pair[0], pair[0]) == 0).all()


def test_images_of_a_batch_do_not_see_each_other(pair: tuple[Tensor, Tensor]) -> None:
    prediction, target = pair
    together = photometric_error(prediction, target, statistics=target_statistics(target))
    alone = [photometric_error(prediction[i : i + 1], target[i : i + 1]) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


def test_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 2, 3, 4, 5, generator=generator, dtype=torch.float64).unbind()
    prediction, target = (image.requires_grad_() for image in images)
    assert torch.autograd.gradcheck(photometric_error, (prediction, target))
