"""How an image becomes a teacher's input: its size and its normalisation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.errors import UserError

Triple = tuple[float, float, float]
_SHORT_SIDE = re.compile(r"short side (\w+)")
#: "trained": the scale the teacher was trained at; "native": the size of the image; else a short side in pixels
TeacherSize = int | Literal["trained", "native"]

HALF: Triple = (0.5, 0.5, 0.5)
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputPolicy:
    """Aspect ratio is kept, the short side gets `short_side` pixels, both sides are rounded to `multiple`.

    As in the DPT and MiDaS demos (Ranftl et al., ICCV 2021), except that the short side decides for every
    image; theirs lets the side decide that changes less, which shrinks wide images below the trained scale.
    """

    short_side: int | None  # None: the size of the image
    multiple: int
    mean: Triple = HALF
    std: Triple = HALF

    def at(self, size: TeacherSize) -> InputPolicy:
        """The same policy at another scale.

        Raises:
            UserError: when the size is no positive number of pixels.
        """
        if size == "trained":
            return self
        if size == "native":
            return replace(self, short_side=None)
        if size < self.multiple:
            raise UserError(
                f"--teacher_size {size}: expected 'trained', 'native' or a short side of at least {self.multiple} "
                "pixels, the teacher's patch; 384 suits most teachers."
            )
        return replace(self, short_side=size)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the network's input for an image of this size.

        Raises:
            UserError: when the image is smaller than the teacher's patch.
        """
        if min(height, width) < self.multiple:
            raise UserError(
                f"an image of {width}x{height} pixels is smaller than the teacher's patch of "
                f"{self.multiple}x{self.multiple}; train at a larger --height and --width."
            )
        scale = 1.0 if self.short_side is None else self.short_side / min(height, width)
        rounded = (max(1, round(side * scale / self.multiple)) * self.multiple for side in (height, width))
        return (next(rounded), next(rounded))

    def prepare(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [0, 1] to the normalised input [B, 3, h, w]; bicubic, antialiased where it shrinks."""
        height, width = images.shape[-2:]
        size = self.input_size(height, width)
        if size != (height, width):
            shrinks = size[0] * size[1] < height * width
            images = F.interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=shrinks)
        # plain numbers, not tensors: nothing has to be copied to the device in every step
        channels = zip(images.unbind(1), self.mean, self.std, strict=True)
        return torch.stack([(channel - mean) / std for channel, mean, std in channels], dim=1)

    def __str__(self) -> str:
        side = "native" if self.short_side is None else str(self.short_side)
        return f"short side {side}, multiple {self.multiple}, mean {self.mean}, std {self.std}"


def without_size(identity: str) -> tuple[str, str]:
    """What a teacher's identity says but for the scale of its policy, and that scale ("384", "native", "" of none)."""
    found = _SHORT_SIDE.search(identity)
    return _SHORT_SIDE.sub("", identity), found[1] if found else ""
