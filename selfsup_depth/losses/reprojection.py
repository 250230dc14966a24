"""From photometric errors of several sources to one loss map (Monodepth2, section 3.2 and 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PREDICTIVE_MASK_WEIGHT = 0.2


@dataclass(frozen=True)
class Reprojection:
    """What remains of the photometric errors of all sources."""

    loss_map: Tensor  # [B, 1, H, W], 0 where not counted
    warped_wins: Tensor | None  # [B, 1, H, W] bool: a warped source beat every unwarped one; None: not asked
    counted: Tensor  # [B, 1, H, W] bool: some source was valid here

    def mean(self) -> Tensor:
        """Mean over the counted pixels; 0 if there is none."""
        return self.loss_map.sum() / self.counted.sum().clamp(min=1)


def combine_reprojection(
    reprojection: Tensor,
    identity: Tensor | None = None,
    *,
    average: bool = False,
    tie_break: Tensor | None = None,
    valid: Tensor | None = None,
) -> Reprojection:
    """Per-pixel minimum (or average) over sources, with auto-masking where `identity` is given.

    The unwarped sources compete with the warped ones; where an unwarped one wins, the pixel looks static
    and gives the networks no gradient. Exact ties go to the unwarped source.

    Args:
        reprojection: [B, N, H, W] error of each warped source.
        identity: [B, N, H, W] error of each unwarped source; None: no auto-masking.
        average: average over the sources instead of taking the minimum, warped and unwarped apart.
        tie_break: noise, already scaled, added to identity after averaging; [B, N or 1 (average), H, W].
        valid: [B, N, H, W] bool. Invalid sources take no part; a pixel without a valid source is not
            counted. None: all are valid.
    """
    warped, counted = _reduce(reprojection, average, valid)
    if identity is None:
        return Reprojection(warped, None, counted)
    if average:
        identity = identity.mean(1, keepdim=True)
    if tie_break is not None:
        identity = identity + tie_break
    unwarped = _minimum(identity)
    warped_wins = (warped < unwarped) & counted
    loss_map = torch.where(warped_wins, warped, unwarped)
    if valid is not None:
        loss_map = torch.where(counted, loss_map, torch.zeros_like(loss_map))
    return Reprojection(loss_map, warped_wins, counted)


def predictive_mask_loss(mask: Tensor) -> Tensor:
    """0.2 times the binary cross entropy of a predicted mask in [0, 1] against 1; keeps it from vanishing.

    SfMLearner (Zhou et al. 2017), section 3.3, with Monodepth2's weight. A mask of exactly 0 counts as the
    smallest normal number, so that the loss stays finite.
    """
    mask = mask.to(torch.promote_types(mask.dtype, torch.float32))
    return -PREDICTIVE_MASK_WEIGHT * mask.clamp(min=torch.finfo(mask.dtype).tiny).log().mean()


def _reduce(errors: Tensor, average: bool, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Errors [B, N, H, W] over their valid sources as [B, 1, H, W] (0 where none), and where there is one."""
    if valid is None:
        reduced = errors.mean(1, keepdim=True) if average else _minimum(errors)
        return reduced, torch.ones_like(reduced, dtype=torch.bool)
    counted = valid.any(1, keepdim=True)
    zero = torch.zeros_like(errors)
    if average:
        total = torch.where(valid, errors, zero).sum(1, keepdim=True)
        return total / valid.sum(1, keepdim=True).clamp(min=1), counted
    reduced = _minimum(torch.where(valid, errors, torch.full_like(errors, torch.inf)))
    return torch.where(counted, reduced, zero[:, :1]), counted


def _minimum(errors: Tensor) -> Tensor:
    """Minimum over the sources; sources that tie exactly share the gradient."""
    return errors.amin(1, keepdim=True)
