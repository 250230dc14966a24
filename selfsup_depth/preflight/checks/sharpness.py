"""How sharp a picture is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))


def sharpness(grey: Tensor) -> float:
    """Variance of the Laplacian over the variance of the picture [h, w] (Pech-Pacheco et al. 2000), never zero."""
    response = F.conv2d(grey[None, None], torch.tensor(LAPLACIAN)[None, None])
    return float(response.var() / grey.var().clamp(min=1e-4)) + 1e-9
