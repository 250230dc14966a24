"""Flip and colour jitter: drawn per sample from (seed, epoch, index), applied on the device.

The loader sends uint8; `augment` turns a batch into floats, mirrors images together with their
geometry, and makes the jittered copies that networks look at. Photometric losses compare the
un-jittered images (Monodepth2, arXiv:1806.01260).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from geometry.camera import flip_intrinsics
from geometry.se3 import mirror_transform
from selfsup_depth.datasets.jitter import JitterPlan, jitter_frames, plan_jitter
from selfsup_depth.structures import STEREO, Augmentation, Batch, FrameId, Sample, View

FACTOR_RANGE = (0.8, 1.2)  # brightness, contrast, saturation
HUE_RANGE = (-0.1, 0.1)  # in turns of the colour circle


def draw_augmentation(
    seed: int,
    epoch: int,
    index: int,
    *,
    flip_probability: float = 0.5,
    jitter_probability: float = 0.5,
) -> Augmentation:
    """One draw for all frames of a sample, the same whichever worker or rank asks."""
    generator = np.random.default_rng(np.random.SeedSequence((seed, epoch, index)))
    jittered = generator.random() < jitter_probability
    flip = bool(generator.random() < flip_probability)
    if not jittered:
        return Augmentation(flip=flip)
    brightness, contrast, saturation = generator.uniform(*FACTOR_RANGE, size=3).tolist()
    hue = float(generator.uniform(*HUE_RANGE))
    first, second, third, fourth = generator.permutation(4).tolist()
    return Augmentation(
        flip=flip,
        jitter=(brightness, contrast, saturation, hue),
        jitter_order=(first, second, third, fourth),
    )


@dataclass
class RawBatch:
    """Samples put together by the loader, still uint8 and not yet augmented."""

    frame_ids: tuple[FrameId, ...]  # the target (0) first
    images: Tensor  # [N, B, 3, H, W] uint8: frame first, so that each frame is one contiguous block
    intrinsics: Tensor  # [N, B, 3, 3] float32, pixels of `images`
    flip: Tensor  # [B] bool, the flips of `augmentations`: a tensor, so that it travels with the batch
    jitter: JitterPlan | None  # the jitters of `augmentations`, likewise
    stereo_T_target: Tensor | None  # [B, 4, 4] float32 metres
    depth: list[Tensor] | None  # B maps [1, h, w] float32 metres; sizes may differ
    teacher: Tensor | None  # [B, 1, H, W] float16 cached teacher maps
    augmentations: list[Augmentation]
    indices: list[int]
    names: list[str]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RawBatch:
        """The batch with its tensors on `device`."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> RawBatch:
        """The batch in page-locked memory; a DataLoader with pin_memory=True calls this."""
        return self.map(Tensor.pin_memory)

    def map(self, function: Callable[[Any], Any]) -> RawBatch:
        """The batch with a function applied to its tensors."""
        changed: dict[str, Any] = {}
        for name in ("images", "intrinsics", "flip", "stereo_T_target", "teacher"):
            value = getattr(self, name)
            changed[name] = None if value is None else function(value)
        if self.depth is not None:
            changed["depth"] = [function(depth) for depth in self.depth]
        if self.jitter is not None:
            changed["jitter"] = self.jitter.map(function)
        return replace(self, **changed)


def collate(samples: Sequence[Sample], images: Tensor | None = None) -> RawBatch:
    """Samples of one data set as a batch; the `collate_fn` of the loader.

    Args:
        images: [N, B, 3, H, W] uint8, where the images of the batch are to be put; None: into memory of their own.
    """
    first = samples[0]
    stereo = [sample.stereo_T_target for sample in samples if sample.stereo_T_target is not None]
    depth = [sample.depth for sample in samples if sample.depth is not None]
    teacher = [sample.teacher for sample in samples if sample.teacher is not None]
    return RawBatch(
        frame_ids=first.frame_ids,
        images=torch.stack([sample.images for sample in samples], dim=1, out=images),
        intrinsics=torch.stack([sample.intrinsics for sample in samples], dim=1),
        flip=torch.tensor([sample.augmentation.flip for sample in samples]),
        jitter=plan_jitter([sample.augmentation for sample in samples]),
        stereo_T_target=torch.stack(stereo) if first.stereo_T_target is not None else None,
        depth=depth if first.depth is not None else None,
        teacher=torch.stack(teacher) if first.teacher is not None else None,
        augmentations=[sample.augmentation for sample in samples],
        indices=[sample.index for sample in samples],
        names=[sample.name for sample in samples],
    )


def augment(raw: RawBatch) -> Batch:
    """Floats in [0, 1], flipped with their geometry, jittered for the networks; on the batch's device.

    A flip mirrors images, depth, teacher maps, the principal point and the stereo transform together, so that a warp
    of the flipped sample is the flipped warp. Jitter has one set of parameters for all frames of a sample
    (contrast's mean is each frame's own) and touches only what networks look at: the target and its
    neighbours in time. Where no sample of the batch has jitter, `network_image` is `image` itself.
    """
    images, intrinsics, stereo_T_target, depth = raw.images, raw.intrinsics, raw.stereo_T_target, raw.depth
    teacher = raw.teacher
    if any(augmentation.flip for augmentation in raw.augmentations):
        images = _where_flipped(raw.flip, images.flip(-1), images, batch_dim=1)
        mirrored = flip_intrinsics(intrinsics, images.shape[-1])
        intrinsics = _where_flipped(raw.flip, mirrored, intrinsics, batch_dim=1)
        if stereo_T_target is not None:
            mirrored = mirror_transform(stereo_T_target)
            stereo_T_target = _where_flipped(raw.flip, mirrored, stereo_T_target, batch_dim=0)
        if depth is not None:
            depth = [
                each.flip(-1) if drawn.flip else each for each, drawn in zip(depth, raw.augmentations, strict=True)
            ]
        if teacher is not None:
            teacher = _where_flipped(raw.flip, teacher.flip(-1), teacher, batch_dim=0)
    clean = list(images.to(torch.float32).div_(255.0))
    seen = _seen(clean, raw.frame_ids, raw.jitter)
    views = {
        frame: View(image=clean[i], network_image=seen[i], intrinsics=intrinsics[i])
        for i, frame in enumerate(raw.frame_ids)
    }
    target = views.pop(raw.frame_ids[0])
    return Batch(
        target,
        views,
        stereo_T_target,
        depth,
        teacher=None if teacher is None else teacher.float(),
        flip=raw.flip,
        indices=raw.indices,
        names=raw.names,
    )


def _seen(clean: Sequence[Tensor], frame_ids: Sequence[FrameId], plan: JitterPlan | None) -> list[Tensor]:
    """What networks see of each frame [B, 3, H, W]: the clean tensor itself where nothing is drawn."""
    seen = list(clean)
    if plan is None:
        return seen
    # No network looks at the stereo partner: its pose is known.
    looked_at = [i for i, frame in enumerate(frame_ids) if frame != STEREO]
    for i, jittered in zip(looked_at, jitter_frames([clean[i] for i in looked_at], plan), strict=True):
        seen[i] = jittered
    return seen


def _where_flipped(flip: Tensor, flipped: Tensor, plain: Tensor, *, batch_dim: int) -> Tensor:
    shape = [1] * plain.ndim
    shape[batch_dim] = -1
    return torch.where(flip.view(shape), flipped, plain)
