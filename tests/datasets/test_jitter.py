"""Jitter of a batch at once gives what torchvision's four functions give sample by sample."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from selfsup_depth.datasets.augmentation import draw_augmentation
from selfsup_depth.datasets.jitter import jitter_frames, plan_jitter
from selfsup_depth.structures import Augmentation

FACTORS = (1.15, 0.85, 1.2, 0.08)
HEIGHT, WIDTH = 12, 40


def one_by_one(images: Tensor, drawn: Augmentation) -> Tensor:
    """Frames [n, 3, H, W] of one sample, by torchvision."""
    if drawn.jitter is None:
        return images
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for operation in drawn.jitter_order:
        images = adjust[operation](images, drawn.jitter[operation])
    return images


def pictures(batch: int, seed: int = 0) -> list[Tensor]:
    """Three frames [B, 3, H, W] of random bytes, with greys, black, white and pure colours among them."""
    values = np.random.default_rng(seed).integers(0, 256, (3, batch, 3, HEIGHT, WIDTH), dtype=np.uint8)
    values[:, :, :, 0] = values[:, :, :1, 0]  # greys
    values[:, :, :, 1, :8] = np.array([0, 255, 0, 0, 255, 255, 0, 255], np.uint8)
    values[:, :, 1, 1, :8] = np.array([0, 255, 255, 0, 255, 0, 255, 128], np.uint8)
    return list(torch.from_numpy(values).float() / 255)


def assert_same(frames: list[Tensor], augmentations: list[Augmentation]) -> None:
    plan = plan_jitter(augmentations)
    together = torch.stack(jitter_frames(frames, plan))
    alone = torch.stack([one_by_one(torch.stack(frames)[:, b], drawn) for b, drawn in enumerate(augmentations)], dim=1)
    assert (together - alone).abs().max() < 4e-6
    assert together.min() >= 0 and together.max() <= 1


def test_every_order_is_the_one_drawn():
    orders = list(permutations(range(4)))
    drawn = [Augmentation(jitter=FACTORS, jitter_order=order) for order in orders]
    assert_same(pictures(len(orders)), drawn)
    different = torch.stack(
        jitter_frames([frame[:1].expand(24, -1, -1, -1) for frame in pictures(1)], plan_jitter(drawn))
    )
    assert len({tuple(different[0, b].flatten().tolist()) for b in range(24)}) > 12  # orders do matter


@pytest.mark.parametrize("epoch", range(6))
def test_batches_as_they_are_drawn(epoch):
    drawn = [draw_augmentation(3, epoch, index) for index in range(12)]
    assert {each.jitter is None for each in drawn} == {True, False}
    assert_same(pictures(12, seed=epoch), drawn)


@pytest.mark.parametrize("hue", [-1 / 6, -0.1, 0.0, 0.1, 1 / 6])
def test_hues_all_around_the_circle(hue):
    around = torch.tensor(
        np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3), 0).reshape(1, 3, 27, 27), dtype=torch.float32
    )
    drawn = Augmentation(jitter=(1.0, 1.0, 1.0, hue))
    assert_same([around], [drawn])


def test_a_turn_too_far_is_refused():
    with pytest.raises(ValueError, match=r"a turn of the hue must be within 0\.167"):
        plan_jitter([Augmentation(jitter=(1.0, 1.0, 1.0, 0.2))])


def test_samples_that_drew_none_stay_as_they_are():
    frames = pictures(3)
    before = [frame.clone() for frame in frames]
    seen = jitter_frames(frames, plan_jitter([Augmentation(), Augmentation(jitter=FACTORS), Augmentation(flip=True)]))
    for frame, was, jittered in zip(frames, before, seen, strict=True):
        assert torch.equal(frame, was)  # recorded colours are not touched
        assert torch.equal(jittered[[0, 2]], was[[0, 2]])
        assert not torch.allclose(jittered[1], was[1], atol=0.02)
    assert plan_jitter([Augmentation(), Augmentation(flip=True)]) is None


def test_contrast_uses_the_mean_of_each_frame():
    greys = [torch.full((1, 3, 4, 4), level) for level in (0.2, 0.7)]
    contrast_alone = plan_jitter([Augmentation(jitter=(1.0, 0.8, 1.0, 0.0), jitter_order=(1, 0, 2, 3))])
    for grey, jittered in zip(greys, jitter_frames(greys, contrast_alone), strict=True):
        assert torch.allclose(jittered, grey, atol=1e-3)


def test_the_number_of_operations_does_not_grow_with_the_batch():
    """So on a GPU a batch costs as many kernel launches as a sample; nothing asks the device for a value."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Count(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.append(str(function))
            return function(*args, **(kwargs or {}))

    counts = []
    for batch in (2, 24):
        drawn = [Augmentation(jitter=FACTORS, jitter_order=order) for order in ((3, 0, 1, 2), (0, 1, 2, 3))] * (
            batch // 2
        )
        plan, frames, called = plan_jitter(drawn), pictures(batch), []
        with Count():
            jitter_frames(frames, plan)
        counts.append(len(called))
        assert not [name for name in called if "_local_scalar_dense" in name or "nonzero" in name or "_to_copy" in name]
    assert counts[0] == counts[1] < 250
