"""How well depth and motion explain images where no one knows the true depth: one yardstick for runs that differ.

The training losses of two runs are seldom the same quantity (sizes, sources, --no_ssim, auto-masking). This is the one
thing that all of them want small: the photometric error of Godard et al. 2019 (equations 2 and 4), of the sources that
both runs know, at one size, over the pixels that both see, without auto-masking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.warp import warp
from selfsup_depth.datasets import ViewDataset
from selfsup_depth.losses import photometric_error
from selfsup_depth.structures import STEREO, FrameId, Method, Sample


@dataclass(frozen=True)
class Judged:
    """A method with the frames and the size that it was trained for."""

    method: Method
    frames: tuple[FrameId, ...]  # the target first
    height: int
    width: int


@dataclass(frozen=True)
class Explained:
    """One image, explained by two methods."""

    name: str
    maps: tuple[Tensor, Tensor]  # [H, W] photometric error; infinite where a method sees the pixel in no source
    unwarped: Tensor  # [H, W] the same of the sources as they are, as if nothing had moved

    @property
    def seen(self) -> Tensor:
        """[H, W] the pixels that count."""
        return self.maps[0].isfinite() & self.maps[1].isfinite()

    @property
    def errors(self) -> tuple[float, float] | None:
        """Means over `seen`; None: there is no such pixel."""
        seen = self.seen
        if not seen.any():
            return None
        first, second = (float(error[seen].mean()) for error in self.maps)
        return first, second

    @property
    def error_unwarped(self) -> float:
        return float(self.unwarped[self.seen].mean())


def shared_sources(first: Judged, second: Judged) -> tuple[FrameId, ...]:
    """The frames that both methods warp into the target."""
    return tuple(frame for frame in first.frames[1:] if frame in second.frames[1:])


def size_of_comparison(methods: Sequence[Judged]) -> tuple[int, int]:
    """Height and width of the method with more pixels."""
    return max(((one.height, one.width) for one in methods), key=lambda size: size[0] * size[1])


def all_frames(dataset: ViewDataset, methods: Sequence[Judged]) -> ViewDataset:
    """The items that have every frame of every method, at the size of the comparison.

    Raises:
        UserError: when there is none.
    """
    height, width = size_of_comparison(methods)
    frames = [frame for one in methods for frame in one.frames if frame != STEREO]
    frames += [STEREO for one in methods if STEREO in one.frames]
    request = replace(
        dataset.request,
        frame_ids=tuple(dict.fromkeys(frames)),
        height=height,
        width=width,
        with_depth=False,
        is_train=False,
    )
    return ViewDataset(dataset.name_of_dataset, dataset.source, request)


@torch.no_grad()
def explain(
    methods: tuple[Judged, Judged], dataset: ViewDataset, names: Sequence[str], device: torch.device
) -> Iterator[Explained]:
    """The named items of a data set with `all_frames`, one by one."""
    index = {dataset.name(i): i for i in range(len(dataset))}
    sources = shared_sources(*methods)
    sizes = {(one.height, one.width) for one in methods}
    sets = {size: _at_size(dataset, size) for size in sizes}
    height, width = size_of_comparison(methods)
    for name in names:
        samples = {size: one[index[name]] for size, one in sets.items()}
        shown = samples[height, width]
        target, *others = _images(shown, (0, *sources), device)
        unwarped = torch.cat([photometric_error(other, target) for other in others], dim=1).amin(1)[0]
        first, second = (_error_map(one, samples[one.height, one.width], shown, sources, device) for one in methods)
        yield Explained(name, (first, second), unwarped.cpu())


def _at_size(dataset: ViewDataset, size: tuple[int, int]) -> ViewDataset:
    request = replace(dataset.request, height=size[0], width=size[1])
    return ViewDataset(dataset.name_of_dataset, dataset.source, request)


def _error_map(one: Judged, own: Sample, shown: Sample, sources: tuple[FrameId, ...], device: torch.device) -> Tensor:
    """[H, W] of the pixels of `shown`; the networks look at `own`, the same item at their size."""
    target, *others = _images(shown, (0, *sources), device)
    target_K, *other_Ks = [
        one.method.camera(shown.intrinsics[shown.frame_ids.index(frame)])[None].to(device) for frame in (0, *sources)
    ]
    metres = one.method.metres_per_unit or 1.0
    prediction = one.method.predict(_images(own, (0,), device)[0])
    inverse = F.interpolate(prediction.inverse_depth * metres, target.shape[-2:], mode="bilinear", align_corners=False)
    motions = _motions(one, own, shown, sources, device)
    errors = []
    for frame, other, other_K in zip(sources, others, other_Ks, strict=True):
        warped = warp(other, 1.0 / inverse, target_K, other_K, motions[frame])
        error = photometric_error(warped.image, target)
        errors.append(torch.where(warped.valid, error, torch.full_like(error, torch.inf)))
    return torch.cat(errors, dim=1).amin(1)[0].cpu()


def _motions(
    one: Judged, own: Sample, shown: Sample, sources: tuple[FrameId, ...], device: torch.device
) -> dict[FrameId, Tensor]:
    """source_T_target [1, 4, 4] of each source, in the method's unit."""
    motions: dict[FrameId, Tensor] = {}
    in_time = [frame for frame in one.frames if isinstance(frame, int)]
    if set(sources) - {STEREO}:
        images = _images(own, tuple(in_time), device)
        motions |= one.method.predict_motion(dict(zip(in_time, images, strict=True)))
    if STEREO in sources:
        assert shown.stereo_T_target is not None  # the sample was asked for with its stereo partner
        stereo = shown.stereo_T_target[None].to(device).clone()
        stereo[:, :3, 3] /= one.method.metres_per_unit or 1.0
        motions[STEREO] = stereo
    return motions


def _images(sample: Sample, frames: tuple[FrameId, ...], device: torch.device) -> list[Tensor]:
    """[1, 3, H, W] in [0, 1] of each frame."""
    return [sample.images[sample.frame_ids.index(frame)][None].to(device).float() / 255 for frame in frames]
