"""How the camera moved between the target and each source in time (Monodepth2 section 3; A.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from geometry.se3 import rigid_transform
from selfsup_depth.structures import Batch, FrameId

PoseModel = Literal["posecnn", "separate_resnet", "shared"]
PoseInput = Literal["pairs", "all"]


@dataclass(frozen=True)
class Motion:
    """Predicted motion to one source, in network units."""

    axis_angle: Tensor  # [B, 3]
    translation: Tensor  # [B, 3]
    invert: bool  # the network saw the frames in the order of time, source first

    def source_T_target(self, translation_scale: Tensor | None = None) -> Tensor:
        """[B, 4, 4]; `translation_scale` [B] multiplies the translation (PoseCNN, A.5)."""
        translation = self.translation
        if translation_scale is not None:
            translation = translation * translation_scale[:, None]
        return rigid_transform(self.axis_angle, translation, invert=self.invert)


@dataclass(frozen=True)
class EgoMotion:
    """Which images go into the pose networks and which of their outputs belongs to which source."""

    model: PoseModel
    input: PoseInput
    frames: tuple[int, ...]  # target first, then the sources in time; no stereo

    @property
    def sources(self) -> tuple[int, ...]:
        return self.frames[1:]

    @property
    def images_per_prediction(self) -> int:
        return 2 if self.input == "pairs" else len(self.frames)

    def predict(
        self, networks: nn.ModuleDict, batch: Batch, features: dict[FrameId, list[Tensor]]
    ) -> dict[FrameId, Motion]:
        """Motion per source. `features`: what the depth encoder made of each frame, when shared."""
        look = self._network(networks, batch, features)
        if self.input == "all":
            # one look at all frames; the network learns by itself which of them come earlier (A.19.3)
            axis_angle, translation = look(*((frame,) for frame in self.frames))
            return {
                frame: Motion(axis_angle[:, position], translation[:, position], invert=False)
                for position, frame in enumerate(self.sources)
            }
        # all pairs in one batch: one pass of the network instead of one for each source
        pairs = [(frame, 0) if frame < 0 else (0, frame) for frame in self.sources]  # the earlier frame first
        rotations, translations = (each[:, 0].chunk(len(pairs)) for each in look(*zip(*pairs, strict=True)))
        return {
            frame: Motion(rotations[position], translations[position], invert=frame < 0)
            for position, frame in enumerate(self.sources)
        }

    def _network(
        self, networks: nn.ModuleDict, batch: Batch, features: dict[FrameId, list[Tensor]]
    ) -> Callable[..., tuple[Tensor, Tensor]]:
        """What looks at some frames one after the other; each argument says which frames of a batch of looks."""

        def images(frames: Sequence[int]) -> Tensor:
            views = [batch.target if frame == 0 else batch.sources[frame] for frame in frames]
            return torch.cat([view.network_image for view in views])

        def deepest(frames: Sequence[int]) -> list[Tensor]:
            return [torch.cat([features[frame][-1] for frame in frames])]

        def shared(*frames: Sequence[int]) -> tuple[Tensor, Tensor]:
            return networks["pose"]([deepest(each) for each in frames])

        def separate(*frames: Sequence[int]) -> tuple[Tensor, Tensor]:
            return networks["pose"]([networks["pose_encoder"](torch.cat([images(each) for each in frames], dim=1))])

        def posecnn(*frames: Sequence[int]) -> tuple[Tensor, Tensor]:
            return networks["pose"](torch.cat([images(each) for each in frames], dim=1))

        return {"shared": shared, "separate_resnet": separate, "posecnn": posecnn}[self.model]
