"""Small matrix products in full precision.

`torch.matmul` is lowered to half precision under autocast and to TF32 where that is switched on. A
relative error of 1e-3 in a rotation is a pixel in an image, so products of 3x3 and 4x4 matrices are
written as multiplications and additions, which neither setting touches.
"""

from __future__ import annotations

from torch import Tensor


def matrix_product(left: Tensor, right: Tensor) -> Tensor:
    """`left` [..., n, k] times `right` [..., k, m], broadcast over the leading axes; [..., n, m]."""
    return (left.unsqueeze(-1) * right.unsqueeze(-3)).sum(-2)
