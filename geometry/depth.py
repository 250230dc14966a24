"""Depth, inverse depth, network disparity and stereo disparity."""

from __future__ import annotations

import torch
from torch import Tensor


def disp_to_depth(disp: Tensor, min_depth: float, max_depth: float) -> tuple[Tensor, Tensor]:
    """Inverse depth and depth of a network's sigmoid output in [0, 1] (0 is farthest, 1 nearest).

    Monodepth2 (Godard et al. 2019), section 3.4; half-precision input is raised to float32 first.

    Returns:
        (inverse depth in [1/max_depth, 1/min_depth], depth in [min_depth, max_depth]), shaped like disp.

    Raises:
        ValueError: not 0 < min_depth < max_depth.
    """
    low, span = _inverse_range(min_depth, max_depth)
    inverse_depth = low + span * disp.to(torch.promote_types(disp.dtype, torch.float32))
    return inverse_depth, 1.0 / inverse_depth


def depth_to_disp(depth: Tensor, min_depth: float, max_depth: float) -> Tensor:
    """The sigmoid output whose depth this is; the inverse of `disp_to_depth`, in [0, 1] within the range.

    Raises:
        ValueError: not 0 < min_depth < max_depth.
    """
    low, span = _inverse_range(min_depth, max_depth)
    return (1.0 / depth - low) / span


def stereo_disparity(depth: Tensor, fx: float | Tensor, baseline: float | Tensor) -> Tensor:
    """Disparity in pixels, fx * baseline / depth, of a rectified pair; 0 where depth is 0 (invalid).

    Args:
        depth: metres, any shape; fx: pixels; baseline: metres; both broadcast against depth.
    """
    return _divide_where_positive(fx * baseline, depth)


def depth_from_disparity(disparity: Tensor, fx: float | Tensor, baseline: float | Tensor) -> Tensor:
    """Depth in metres, fx * baseline / disparity, of a rectified pair; 0 (invalid) where it is not positive.

    Args:
        disparity: pixels, any shape; fx: pixels; baseline: metres; both broadcast against disparity.
    """
    return _divide_where_positive(fx * baseline, disparity)


def _divide_where_positive(numerator: float | Tensor, denominator: Tensor) -> Tensor:
    positive = denominator > 0
    quotient = numerator / torch.where(positive, denominator, torch.ones_like(denominator))
    return torch.where(positive, quotient, torch.zeros_like(quotient))


def _inverse_range(min_depth: float, max_depth: float) -> tuple[float, float]:
    if not 0.0 < min_depth < max_depth:
        raise ValueError(f"Need 0 < min_depth < max_depth, but min_depth is {min_depth}, max_depth {max_depth}.")
    return 1.0 / max_depth, 1.0 / min_depth - 1.0 / max_depth
