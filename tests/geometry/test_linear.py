"""Small products stay in full precision."""

from __future__ import annotations

import torch

from geometry.linear import matrix_product


def test_equals_matmul_and_broadcasts() -> None:
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(5, 1, 3, 4, dtype=torch.float64, generator=generator)
    right = torch.randn(2, 4, 2, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(matrix_product(left, right), left @ right, rtol=1e-13, atol=1e-13)


def test_autocast_does_not_lower_it() -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 3, 3, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        product = matrix_product(left, right)
        lowered = left @ right
    assert lowered.dtype == torch.bfloat16  # what would have happened
    assert product.dtype == torch.float32
    torch.testing.assert_close(product, left @ right, rtol=1e-6, atol=1e-6)
