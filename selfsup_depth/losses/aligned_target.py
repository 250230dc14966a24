"""A teacher's map as a target for the student: what DistDepth (Wu et al. 2022) distils from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.losses.alignment import align, align_robust


@dataclass(frozen=True)
class AlignedTarget:
    """What the teacher says in the student's unit, without gradient."""

    depth: Tensor  # [B, 1, H, W], finite and within the depth range everywhere
    valid: Tensor  # [B, 1, H, W] bool, nowhere in an image that is not usable
    usable: Tensor  # [B] bool: the teacher could be aligned


@torch.no_grad()
def aligned_depth(
    teacher: Tensor,
    student_depth: Tensor,
    *,
    quantity: Literal["disparity", "depth"],
    fit: Literal["least_squares", "robust"] = "least_squares",
    valid: Tensor | None = None,
    min_depth: float,
    max_depth: float,
) -> AlignedTarget:
    """The teacher's map as depth in the student's unit, by scale and shift of each image.

    A disparity is aligned with the student's inverse depth, where it is affine; a depth with its depth.

    Args:
        teacher: [B, 1, H, W] up to a positive scale and a shift. Pixels that are not finite are invalid.
        student_depth: [B, 1, H, W], positive.
        quantity: what the teacher's map is affine in.
        fit: how scale and shift are found: `align` or `align_robust`.
        valid: [B, 1, H, W] bool, where the teacher can be trusted; None: everywhere.
        min_depth: nearest depth that the student can give; the target is clamped to the range.
        max_depth: farthest depth that the student can give.

    Raises:
        UserError: the shapes differ, or there is no such quantity.
    """
    if quantity not in ("disparity", "depth"):
        raise UserError(f"A teacher gives 'disparity' or 'depth', but its quantity is {quantity!r}: name one.")
    inverse = quantity == "disparity"
    student = student_depth.to(torch.promote_types(student_depth.dtype, torch.float32))
    finite = teacher.isfinite()
    known = finite if valid is None else finite & valid
    find = align_robust if fit == "robust" else align
    alignment = find(teacher, student.reciprocal() if inverse else student, known & (student > 0))
    aligned = alignment.apply(torch.where(finite, teacher, 0))
    depth = aligned.clamp(1 / max_depth, 1 / min_depth).reciprocal() if inverse else aligned.clamp(min_depth, max_depth)
    return AlignedTarget(depth.to(student.dtype), known & alignment.usable[:, None, None, None], alignment.usable)
