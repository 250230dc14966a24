"""What a teacher is: a frozen expert that looks at images and says depth, or disparity, and which of the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.memory import is_out_of_memory
from selfsup_depth.teachers.input_policy import InputPolicy

Quantity = Literal["disparity", "depth"]
TeacherPrecision = Literal["fp32", "bf16", "fp16"]
_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}
Kind = Literal["relative_disparity", "calibrated_depth", "metric_depth"]


@dataclass(frozen=True)
class TeacherInfo:
    """What the numbers of a teacher mean, and which teacher it is.

    `relative_disparity` is 1/depth up to an unknown positive factor and an unknown shift (MiDaS, DPT, Depth
    Anything). `calibrated_depth` is 1/(scale raw + shift) with the constants published for one data set; on
    other data it is depth up to factor and shift. `metric_depth` is metres as the network says them.
    """

    name: str
    kind: Kind
    identity: str  # names weights, conversion and input size: equal identities mean equal outputs

    @property
    def quantity(self) -> Quantity:
        """The space in which the teacher is to be aligned."""
        return "disparity" if self.kind == "relative_disparity" else "depth"


class Teacher:
    """A frozen network behind one call.

    Deliberately no `nn.Module`: a module that keeps a teacher as an attribute does not register it, so its
    weights reach neither an optimizer nor a checkpoint, and `train()` of its owner does not wake it.
    """

    def __init__(
        self, network: nn.Module, info: TeacherInfo, policy: InputPolicy, precision: TeacherPrecision = "fp32"
    ) -> None:
        """
        Args:
            precision: of the network's arithmetic, whatever that of the run that asks.
            network: normalised images [B, 3, h, w] to [B, 1, h', w'] in the quantity that `info` states; becomes the
                teacher's own.
            policy: how images become the network's input.
        """
        self._half = _HALF.get(precision)
        frozen = network.eval().requires_grad_(False)
        self._network = frozen if self._half is None else _cast_once(frozen, self._half)
        self.info = info
        self.policy = policy

    def to(self, device: torch.device | str) -> Teacher:
        """Move the weights; returns the teacher itself."""
        self._network.to(device)
        return self

    def __call__(self, images: Tensor) -> Tensor:
        """Disparity or depth (see `info.quantity`) of the size of the images, not negative.

        Always float32, and computed in the teacher's own precision, whatever autocast surrounds the call: a map must
        not depend on the run that made it.

        Args:
            images: [B, 3, H, W] float RGB in [0, 1] on the teacher's device.

        Returns:
            [B, 1, H, W] float32, a constant that may enter any graph.

        Raises:
            UserError: for anything but such images, images smaller than the teacher's patch, and when the memory
                does not suffice.
        """
        if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise UserError(
                f"teacher {self.info.name}: expected float RGB images [B, 3, H, W] in [0, 1], found {images.dtype} "
                f"{list(images.shape)}; convert them first."
            )
        kind = images.device.type
        with torch.inference_mode(), torch.autocast(kind, dtype=self._half, enabled=self._half is not None):
            try:
                raw = self._network(self.policy.prepare(images.float())).float()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise self._too_large(images) from error
            sized = F.interpolate(raw, size=images.shape[-2:], mode="bilinear", align_corners=False)
        return sized.clamp(min=0)  # made outside inference_mode, so that a loss may use it

    def _too_large(self, images: Tensor) -> UserError:
        count, (height, width) = len(images), self.policy.input_size(*images.shape[-2:])
        return UserError(
            f"teacher {self.info.name}: the memory does not suffice for {count} images of {width}x{height} pixels, as "
            "it sees them: give a smaller --teacher_size (native: that of the input), or choose a smaller teacher."
        )


def _cast_once(network: nn.Module, half: torch.dtype) -> nn.Module:
    """The weights that autocast would cast at every call, as nothing trains them; outputs stay equal to the bit.

    Of plain layers alone: others may compute with their weights, as weight standardisation does, and need them whole.
    Convolutions also get their fastest order in memory, which in float32 would cost digits that the originals share.
    """
    network.to(memory_format=torch.channels_last)
    for layer in network.modules():
        if type(layer) in (nn.Linear, nn.Conv2d, nn.ConvTranspose2d):
            layer.to(half)
    return network
