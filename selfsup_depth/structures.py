"""The vocabulary of the house: what travels between data sets, methods, trainer and evaluation.

Geometry and units travel with every sample: intrinsics are in pixels of the image they stand
beside (corner origin, CONVENTIONS.md), lengths are metres, images are RGB.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

#: A frame of a sample: 0 is the target, -1 and 1 its neighbours in time, "s" its stereo partner.
FrameId = int | str
STEREO: FrameId = "s"


@dataclass(frozen=True)
class Augmentation:
    """What is done to one sample; drawn from (seed, epoch, index), see `datasets.augmentation`."""

    flip: bool = False
    #: brightness, contrast, saturation, hue factors (torchvision's meaning); None: no jitter
    jitter: tuple[float, float, float, float] | None = None
    #: the order in which the four jitter operations are applied, a permutation of (0, 1, 2, 3)
    jitter_order: tuple[int, int, int, int] = (0, 1, 2, 3)


@dataclass(frozen=True)
class Sample:
    """One item as a loader worker sends it: all frames at the training size, still uint8."""

    frame_ids: tuple[FrameId, ...]  # the target (0) first
    images: Tensor  # [N, 3, H, W] uint8 RGB, in the order of frame_ids
    intrinsics: Tensor  # [N, 3, 3] float32, pixels of `images`
    stereo_T_target: Tensor | None = None  # [4, 4] float32 metres; given when "s" is in frame_ids
    depth: Tensor | None = None  # [1, h, w] float32 metres at its own resolution, 0 = invalid
    teacher: Tensor | None = None  # [1, H, W] float16 cached teacher map, as the teacher gave it
    index: int = 0
    name: str = ""
    augmentation: Augmentation = Augmentation()


@dataclass
class View:
    """One camera image of every item of a batch."""

    image: Tensor  # [B, 3, H, W] float32 in [0, 1], as recorded: photometric losses compare this
    network_image: Tensor  # [B, 3, H, W] the same, colour-jittered: networks look at this
    intrinsics: Tensor  # [B, 3, 3] pixels of `image`


@dataclass
class Batch:
    """What a method learns from. All tensors on one device; lengths in metres."""

    target: View
    sources: dict[FrameId, View]  # in the order of frame_ids[1:], stereo last
    stereo_T_target: Tensor | None = None  # [B, 4, 4] maps target points to the stereo camera
    depth: list[Tensor] | None = None  # B maps [1, h, w], metres, 0 = invalid; sizes may differ
    teacher: Tensor | None = None  # [B, 1, H, W] float32 disparity or depth of a frozen teacher
    flip: Tensor | None = None  # [B] bool, which items are mirrored
    step: int = 0  # optimiser steps taken before this batch, for terms that are ramped up
    wants_maps: bool = True  # whether somebody will look at `Losses.maps`
    indices: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def first(self, count: int) -> Batch:
        """The first items alone."""

        def part(view: View) -> View:
            return View(view.image[:count], view.network_image[:count], view.intrinsics[:count])

        return replace(
            self,
            target=part(self.target),
            sources={frame: part(view) for frame, view in self.sources.items()},
            stereo_T_target=None if self.stereo_T_target is None else self.stereo_T_target[:count],
            depth=None if self.depth is None else self.depth[:count],
            teacher=None if self.teacher is None else self.teacher[:count],
            flip=None if self.flip is None else self.flip[:count],
            indices=self.indices[:count],
            names=self.names[:count],
        )


@dataclass
class DepthPrediction:
    """Depth of a batch of images, with the unit it is in."""

    depth: Tensor  # [B, 1, H, W] float32; metres if `metric`, else up to an unknown factor
    metric: bool

    @property
    def unit(self) -> str:
        return "metres" if self.metric else "relative (up to scale)"

    @property
    def inverse_depth(self) -> Tensor:
        """[B, 1, H, W] 1/depth (1/metres if metric)."""
        return 1.0 / self.depth


@dataclass
class Losses:
    """What a method says of a batch: scalars that already carry their weights, and maps to look at."""

    terms: dict[str, Tensor]  # weighted scalars; their sum is what is minimised
    maps: dict[str, Tensor] = field(default_factory=dict)  # [B, 1 or 3, H, W], detached
    health: dict[str, Tensor] = field(default_factory=dict)  # scalars, detached (trainer.health)
    #: of terms that are means over what they count: how many pixels or images; the others are means over the samples
    counts: dict[str, Tensor] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        return torch.stack(list(self.terms.values())).sum()


class Method(nn.Module):
    """The whole of what the trainer knows about a published system.

    `networks` holds the parts under the names they are saved by (encoder, depth, pose_encoder,
    pose, ...), in the order in which the optimiser receives their parameters.
    """

    networks: nn.ModuleDict
    #: length of one network unit; None: depth is known up to one factor only
    metres_per_unit: float | None = None
    #: whether a parameter that is trained may take no part in the losses of some batch; several processes then have to
    #: look for such parameters at every step
    leaves_parameters_unused: bool = False

    @abstractmethod
    def losses(self, batch: Batch, generator: torch.Generator | None = None) -> Losses:
        """Loss terms of a batch. `generator` supplies any randomness the loss needs."""

    @abstractmethod
    def predict(self, images: Tensor, intrinsics: Tensor | None = None) -> DepthPrediction:
        """Depth of images [B, 3, H, W] in [0, 1], at H x W, without gradients."""

    def predict_motion(self, images: Mapping[int, Tensor]) -> dict[FrameId, Tensor]:
        """Motion of the camera, without gradients: frame -> [B, 4, 4] frame_T_target in network units.

        Args:
            images: frame -> [B, 3, H, W] in [0, 1], the target (0) among them.

        Raises NotImplementedError where the method predicts no motion.
        """
        raise NotImplementedError(f"{type(self).__name__} predicts no motion of the camera")

    def camera(self, intrinsics: Tensor) -> Tensor:
        """[3, 3] the camera that images are taken to be from, where the data says `intrinsics`.

        The same, unless the method learns its camera.
        """
        return intrinsics


@dataclass(frozen=True)
class IndexReport:
    """What building an index found: counts in, counts out, and why the rest was left out."""

    listed: int
    kept: int
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> count
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)  # reason -> a few names
