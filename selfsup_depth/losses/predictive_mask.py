"""What keeps a learnt mask from vanishing."""

from __future__ import annotations

import torch
from torch import Tensor

PREDICTIVE_MASK_WEIGHT = 0.2


def predictive_mask_loss(mask: Tensor) -> Tensor:
    """0.2 times the binary cross entropy of a predicted mask in [0, 1] against 1; keeps it from vanishing.

    SfMLearner (Zhou et al. 2017), section 3.3, with Monodepth2's weight. A mask of exactly 0 counts as the
    smallest normal number, so that the loss stays finite.
    """
    mask = mask.to(torch.promote_types(mask.dtype, torch.float32))
    return -PREDICTIVE_MASK_WEIGHT * mask.clamp(min=torch.finfo(mask.dtype).tiny).log().mean()
