"""Depth should change where the image does."""

from __future__ import annotations

import torch
from torch import Tensor


def edge_aware_smoothness(disp: Tensor, image: Tensor) -> Tensor:
    """Mean-normalised, edge-aware first differences of disparity; a scalar.

    Monodepth2 (Godard et al. 2019), equation 3: the mean of |dx d*| exp(-|dx I|) and that of
    |dy d*| exp(-|dy I|), added, with d* = d / mean(d) per image.

    Args:
        disp: [B, 1, h, w] disparity or inverse depth, positive.
        image: [B, C, h, w] in [0, 1], of the same size.
    """
    disp = disp.to(torch.promote_types(disp.dtype, torch.float32))
    normalised = disp / (disp.mean(dim=(2, 3), keepdim=True) + 1e-7)
    terms = []
    for dim in (2, 3):
        edges = image.diff(dim=dim).abs().mean(1, keepdim=True)
        terms.append((normalised.diff(dim=dim).abs() * torch.exp(-edges)).mean())
    return terms[0] + terms[1]
