"""Colour jitter of a whole batch at once: no loop over its samples, and no value that the device is waited for.

Each sample has brightness, contrast and saturation (torchvision's: a blend with black, with the mean grey, with the
grey image) and a turn of the hue, in an order of its own. The blends are one formula, y = a x + d grey + e mean(grey),
so the order of a sample is: some blends, the hue, the other blends. Samples are sorted by how many blends come before
their hue; the k-th blend before it then is of the first so many samples, the k-th after it of the last so many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from selfsup_depth.structures import Augmentation

LUMA = (0.2989, 0.587, 0.114)  # torchvision's grey
HUE = 3  # the number of the operation in `Augmentation.jitter_order`
BLENDS = 3  # all others
IDENTITY = (1.0, 0.0, 0.0)  # a, d, e of the blend that changes nothing
PLACES = (0.0, 2.0, 4.0)  # of red, green and blue on the circle of hue, in sixths
LARGEST_TURN = 1.0 / 6.0  # of the circle; beyond it the distances below would need a whole turn taken off


@dataclass(frozen=True)
class JitterPlan:
    """What is done to which samples of a batch; the tensors travel with the batch."""

    rows: Tensor  # [A] int64, the jittered samples, those with most blends before the hue first
    before: Tensor  # [A, BLENDS, 3] float32: a, d, e of each blend
    after: Tensor  # [A, BLENDS, 3]
    turns: Tensor  # [A] float32, sixths of the circle of hue
    counts_before: tuple[int, ...]  # how many of the first rows have a k-th blend before the hue
    counts_after: tuple[int, ...]  # how many of the last rows have a k-th blend after it

    def map(self, function: Callable[[Any], Any]) -> JitterPlan:
        """The plan with a function applied to its tensors."""
        return replace(
            self,
            rows=function(self.rows),
            before=function(self.before),
            after=function(self.after),
            turns=function(self.turns),
        )


def plan_jitter(augmentations: Sequence[Augmentation]) -> JitterPlan | None:
    """What the samples of a batch have drawn; None where no sample is jittered.

    Raises ValueError for a turn of the hue beyond a sixth of the circle.
    """
    chosen = [(row, drawn) for row, drawn in enumerate(augmentations) if drawn.jitter is not None]
    if not chosen:
        return None
    chosen.sort(key=lambda entry: -entry[1].jitter_order.index(HUE))
    places = [drawn.jitter_order.index(HUE) for _, drawn in chosen]
    before, after = ([[IDENTITY] * BLENDS for _ in chosen] for _ in range(2))
    turns = [0.0] * len(chosen)
    for position, ((_, drawn), place) in enumerate(zip(chosen, places, strict=True)):
        assert drawn.jitter is not None
        for k, operation in enumerate(drawn.jitter_order):
            factor = drawn.jitter[operation]
            if operation == HUE:
                turns[position] = 6.0 * factor
            elif k < place:
                before[position][k] = _blend_of(operation, factor)
            else:
                after[position][k - place - 1] = _blend_of(operation, factor)
    if max(map(abs, turns)) > 6.0 * LARGEST_TURN:
        raise ValueError(f"a turn of the hue must be within {LARGEST_TURN:.3f} of the circle")
    return JitterPlan(
        torch.tensor([row for row, _ in chosen]),
        torch.tensor(before),
        torch.tensor(after),
        torch.tensor(turns),
        tuple(sum(place > k for place in places) for k in range(BLENDS)),
        tuple(sum(BLENDS - place > k for place in places) for k in range(BLENDS)),
    )


def _blend_of(operation: int, factor: float) -> tuple[float, float, float]:
    """a, d, e of brightness (0), contrast (1) and saturation (2)."""
    return ((factor, 0.0, 0.0), (factor, 0.0, 1.0 - factor), (factor, 1.0 - factor, 0.0))[operation]


def jitter_frames(frames: Sequence[Tensor], plan: JitterPlan) -> list[Tensor]:
    """Jittered copies of frames [B, 3, H, W] in [0, 1]; all frames of a sample get the same.

    The mean of contrast is each frame's own.
    """
    images = torch.stack([frame[plan.rows] for frame in frames], dim=1)  # [A, n, 3, H, W]
    for k, count in enumerate(plan.counts_before):
        if count:
            _blend(images[:count], plan.before[:count, k])
    _turn_hue(images, plan.turns)
    for k, count in enumerate(plan.counts_after):
        if count:
            _blend(images[len(images) - count :], plan.after[len(images) - count :, k])
    return [frame.index_copy(0, plan.rows, images[:, i]) for i, frame in enumerate(frames)]


def _blend(images: Tensor, weights: Tensor) -> None:
    """Changes images [A, n, 3, H, W] in place; weights [A, 3]."""
    own, grey_share, mean_share = (weights[:, i].view(-1, 1, 1, 1) for i in range(3))
    red, green, blue = images.unbind(2)
    grey = red.mul(LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
    mean = grey.mean((-2, -1), keepdim=True).mul_(mean_share)
    images.mul_(own.unsqueeze(2)).add_(grey.mul_(grey_share).add_(mean).unsqueeze(2)).clamp_(0.0, 1.0)


def _turn_hue(images: Tensor, turns: Tensor) -> None:
    """Changes images [A, n, 3, H, W] in place, at constant value and chroma.

    A channel is full within one sixth of its place on the circle, and empty from two sixths on (the hexagonal model
    that torchvision converts to and from, without the conversion).
    """
    red, green, blue = images.unbind(2)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    scale = torch.where(chroma == 0, 1.0, chroma).reciprocal_()
    hue = torch.where(value == green, (blue - red).mul_(scale).add_(2.0), (red - green).mul_(scale).add_(4.0))
    hue = torch.where(value == red, (green - blue).mul_(scale), hue).add_(turns.view(-1, 1, 1, 1))
    for channel, place in enumerate(PLACES):
        to_opposite = hue.sub(place).abs_().sub_(3.0).abs_()
        missing = to_opposite.neg_().add_(2.0).clamp_(0.0, 1.0).mul_(chroma)
        torch.sub(value, missing, out=images[:, :, channel])
