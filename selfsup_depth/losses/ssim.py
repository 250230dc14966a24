"""Structural similarity as a loss, with its gradient written out.

Let e = prediction - target, and let m, v, k be the local mean of e, its variance and its covariance with
the target. Then SSIM's four factors are A = 2 mean_x mean_y + C1, C = A + m^2, D = 2 (var_y + k) + v + C2 and
B = D - v, so that (1 - SSIM) / 2 = (A v + D m^2) / (2 C D): a sum of small positive terms instead of a
difference of large ones, exactly 0 for equal images, and within [0, 1] without clamping. The written-out
gradient takes about half the time and a third of the memory of automatic differentiation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from selfsup_depth.errors import UserError

_C1 = 0.01**2
_C2 = 0.03**2
_MIDDLE = 0.5  # taken off before squaring: variances do not notice, and keep the digits that would cancel


@dataclass(frozen=True)
class TargetStatistics:
    """Local 3x3 statistics of a target image, shared by every prediction compared with it."""

    centred: Tensor  # [B, C, H, W] the image less 0.5
    mean: Tensor  # [B, C, H, W] local mean of `centred`
    variance: Tensor  # [B, C, H, W] local variance

    def image(self, index: int) -> TargetStatistics:
        """The statistics of one image of the batch, [1, C, H, W] each."""
        part = slice(index, index + 1)
        return TargetStatistics(self.centred[part], self.mean[part], self.variance[part])


@torch.no_grad()
def target_statistics(target: Tensor) -> TargetStatistics:
    """Statistics of a target [B, C, H, W] in [0, 1], H and W at least 2.

    They carry no gradient; `ssim_loss_map` accounts for them when the target itself needs one.

    Raises:
        UserError: the image is smaller than 2 x 2.
    """
    if min(target.shape[-2:]) < 2:
        raise UserError(
            f"SSIM compares 3x3 windows with reflected borders and needs images of at least 2 x 2 pixels, "
            f"but the image is {target.shape[-1]} x {target.shape[-2]}: use larger images or fewer scales."
        )
    centred = target - _MIDDLE
    mean = _sum3x3(centred / 9)
    return TargetStatistics(centred, mean, _sum3x3(centred * centred / 9) - mean * mean)


def ssim_loss_map(prediction: Tensor, target: Tensor, statistics: TargetStatistics | None = None) -> Tensor:
    """(1 - SSIM) / 2 in [0, 1], per channel: [B, C, H, W].

    Wang et al. 2004, equation 13, with 3x3 box windows and reflected borders as in Monodepth2.
    Differentiable once, in both images.

    Args:
        prediction: [B, C, H, W] in [0, 1].
        target: [B, C, H, W] in [0, 1].
        statistics: `target_statistics(target)`, to compute them once for several predictions.

    Raises:
        UserError: the shapes differ, or the images are smaller than 2 x 2.
    """
    if prediction.shape != target.shape:
        raise UserError(
            f"The images to compare must have one shape, but the prediction is {list(prediction.shape)} and "
            f"the target {list(target.shape)}: resize one of them."
        )
    y = target_statistics(target) if statistics is None else statistics
    loss: Tensor = _SsimLoss.apply(prediction, target, y.centred, y.mean, y.variance)
    return loss


class _SsimLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, *statistics: Tensor) -> Tensor:
        with_gradient = ctx.needs_input_grad[0]
        loss, slopes = _compare(prediction - target, TargetStatistics(*statistics), with_gradient)
        saved = (statistics[0], *slopes) if with_gradient else ()
        both = (prediction, target) if ctx.needs_input_grad[1] else ()
        ctx.save_for_backward(*saved, *both)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        to_prediction = _pull_back(gradients[0], *saved[:5]) if ctx.needs_input_grad[0] else None
        to_target = None
        if ctx.needs_input_grad[1]:  # SSIM is symmetric: the same with exchanged roles
            prediction, target = saved[-2:]
            y = target_statistics(prediction)
            _, slopes = _compare(target - prediction, y, True)
            to_target = _pull_back(gradients[0], y.centred, *slopes)
        return to_prediction, to_target, None, None, None


def _compare(e: Tensor, y: TargetStatistics, with_gradient: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The loss map of e = prediction - target, and what `_pull_back` needs: e and half the slopes of the loss
    in the windows' means of e, of e^2 / 2 and of e times the centred target."""
    ninth = e / 9
    m = _sum3x3(ninth)
    v = _sum3x3(e * ninth).addcmul_(m, m, value=-1)
    k = _sum3x3(ninth * y.centred).addcmul_(m, y.mean, value=-1)
    mean_y = y.mean + _MIDDLE
    mean_x = mean_y + m
    A = (mean_x * mean_y).mul_(2).add_(_C1)
    m_squared = m * m
    C = A + m_squared
    D = k.add_(y.variance).mul_(2).add_(v).add_(_C2)
    half = (C * D).mul_(2).reciprocal_()
    loss = (A * v).addcmul_(m_squared, D).mul_(half)
    if not with_gradient:
        return loss, ()
    in_v = A * half
    in_D = m_squared.mul_(half).addcdiv_(loss, D, value=-1)
    in_m = (v * mean_y).addcmul_(D, m).mul_(half).addcdiv_(loss * mean_x, C, value=-1)
    in_m.addcmul_(in_v, m, value=-1).addcmul_(in_D, m + y.mean, value=-1)
    return loss, (e, in_m, in_v.add_(in_D), in_D)


def _pull_back(
    gradient: Tensor, centred: Tensor, e: Tensor, in_mean: Tensor, in_square: Tensor, in_product: Tensor
) -> Tensor:
    """Gradient with respect to e."""
    scaled = gradient * (2 / 9)
    result = _sum3x3_transposed(in_mean * scaled)
    result = torch.addcmul(result, _sum3x3_transposed(in_square * scaled), e)
    return result.addcmul_(_sum3x3_transposed(in_product * scaled), centred)


def _sum3x3(image: Tensor) -> Tensor:
    """Sums over 3x3 windows [B, C, H, W], borders reflected. Shifted slices vectorise, pooling does not."""
    return _sum_windows(F.pad(image, (1, 1, 1, 1), mode="reflect"))


def _sum3x3_transposed(sums: Tensor) -> Tensor:
    """The transpose of `_sum3x3`: every pixel collects from the windows it was in."""
    collected = _sum_windows(F.pad(sums, (2, 2, 2, 2)))
    collected[..., 2, :] += collected[..., 0, :]
    collected[..., -3, :] += collected[..., -1, :]
    collected[..., 2] += collected[..., 0]
    collected[..., -3] += collected[..., -1]
    return collected[..., 1:-1, 1:-1]


def _sum_windows(padded: Tensor) -> Tensor:
    rows = (padded[..., :-2, :] + padded[..., 1:-1, :]).add_(padded[..., 2:, :])
    return (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])
