"""What a step keeps for its backward pass: next to nothing of the images, and little more for each further scale."""

from __future__ import annotations

import pytest
import torch
from seen_scene import seen_batch
from torch import Tensor

from benchmarks.plain import PlainObjective
from selfsup_depth.config import LossConfig
from selfsup_depth.methods.photometric_objective import PhotometricObjective

RANGE = {"min_depth": 0.1, "max_depth": 100.0}
BATCH, HEIGHT, WIDTH = 2, 96, 160


def maps_kept(scales: int, way: str = "ours") -> float:
    """Bytes that are kept between forward and backward, in maps [B, 1, H, W]; three sources."""
    batch, motions, disps = seen_batch(HEIGHT, WIDTH, BATCH, dtype=torch.float32)
    leaves = {scale: disps[scale].requires_grad_() for scale in range(scales)}
    moving = {frame: motion.requires_grad_() for frame, motion in motions.items()}
    kept: dict[int, Tensor] = {}  # the tensors too, so that no two have the same place in memory

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if way == "plain":
            PlainObjective(LossConfig(), **RANGE)(batch, leaves, lambda _: moving, None)
        else:
            PhotometricObjective(LossConfig(), **RANGE)(batch, leaves, lambda _: moving)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / (4 * BATCH * HEIGHT * WIDTH)


def test_a_scale_keeps_few_maps():
    one, four = maps_kept(1), maps_kept(4)
    assert one < 10  # a single image has three
    assert four - one < 3 * 4  # depth, its gradient, and what the disparity at full size came from


@pytest.mark.parametrize("scales", [1, 4])
def test_it_is_a_small_part_of_what_the_plain_way_keeps(scales):
    assert maps_kept(scales) < 0.06 * maps_kept(scales, "plain")
