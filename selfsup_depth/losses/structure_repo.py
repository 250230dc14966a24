"""The two terms of `structure.py` as DistDepth's code was published: for comparison only."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.losses.edges import crop_border, gradient_magnitude, image_quantile
from selfsup_depth.losses.ssim import ssim_loss_map

_FLOOR = 1e-6
_HUBER = 0.8
_BORDER = 5


def repo_statistical_loss(student_metres: Tensor, target_metres: Tensor) -> Tensor:
    """SSIM on metres, a scalar, as DistDepth's code was published: for comparison only.

    SSIM's constants are meant for [0, 1]; on metres they are as good as absent, and flat areas are compared by the
    noise on them.
    """
    return ssim_loss_map(student_metres, target_metres.detach()).mean()


def repo_spatial_loss(student_depth: Tensor, target_depth: Tensor, quantile: float = 0.95) -> Tensor:
    """Huber loss on the target's edge pixels, a scalar, as DistDepth's code was published: for comparison only.

    The gradients of each map are divided by their norm over the whole image, so hundredths remain, on which the soft
    step is a straight line near 0: whatever the student does the loss is about 0.48 and its gradient at most 5e-5 per
    pixel. The student's threshold is one for the whole batch, and only the target's edge pixels count.
    """
    student, target = (_normalised_magnitude(depth) for depth in (student_depth, target_depth))
    everywhere = torch.ones_like(target, dtype=torch.bool)
    edges = target > image_quantile(target, everywhere, quantile)
    batch = (1, 1, -1, student.shape[-1])
    threshold = image_quantile(student.reshape(batch), everywhere.reshape(batch), quantile)
    edginess = F.softsign(student - threshold)
    errors = F.huber_loss(edginess, torch.ones_like(edginess), delta=_HUBER, reduction="none")
    return torch.where(edges, errors, 0).sum() / edges.sum().clamp(min=1)


def _normalised_magnitude(depth: Tensor) -> Tensor:
    magnitude = gradient_magnitude(depth, _FLOOR)
    return crop_border(F.normalize(magnitude.flatten(1), dim=1).view_as(magnitude), _BORDER)
