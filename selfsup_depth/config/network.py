"""What is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from selfsup_depth.config.wording import words
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class NetworkConfig:
    """What is trained."""

    num_layers: Literal[18, 34, 50, 101, 152] = 18
    """Layers of the ResNet encoders."""
    pose_num_layers: Literal[18, 34, 50, 101, 152] | None = None
    """Layers of the pose network's ResNet. None: as --num_layers."""
    encoder: str | None = None
    """Any timm backbone by name as the depth encoder, for example convnext_tiny. None: the ResNet."""
    weights_init: str = "pretrained"
    """Start of the encoders: pretrained (ImageNet), scratch, or the path of a weights file."""
    pose_weights_init: str | None = None
    """Start of the pose encoder, as --weights_init. None: the same (pretrained where that is a file of another
    encoder)."""
    scales: tuple[int, ...] = (0, 1, 2, 3)
    """Scales of the disparity decoder, 0 is full resolution."""
    min_depth: float = 0.1
    """Nearest depth, in network units. With stereo a unit is ten baselines (5.4 m on KITTI)."""
    max_depth: float = 100.0
    """Farthest depth, in network units."""
    initial_depth: float | None = None
    """Depth that the untrained network predicts, in network units; 0: whatever the random weights give (as
    published: about 0.2). None: 1.5 with stereo; from video alone 0.2, where the first small motions that the pose
    network says move pixels."""
    upsample: Literal["nearest", "bilinear"] = "nearest"
    """How the depth decoder upsamples its features."""
    pose_model_type: Literal["posecnn", "separate_resnet", "shared"] = "separate_resnet"
    """The network that predicts the motion of the camera."""
    pose_model_input: Literal["pairs", "all"] = "pairs"
    """Whether it looks at the target with one source at a time or at all frames together."""
    freeze_batchnorm: bool = False
    """Keep the batch normalisation of the pretrained encoders as it is: for batches of one or two samples."""
    learn_intrinsics: bool = False
    """Learn the focal length too, starting from the calibration, --fov or a guess of 60 degrees; for video alone."""

    def __post_init__(self) -> None:
        if not self.scales or not set(self.scales) <= {0, 1, 2, 3} or len(set(self.scales)) != len(self.scales):
            raise UserError(f"--scales must be distinct scales of 0 1 2 3; found {words(self.scales)}")
        if 0 not in self.scales:
            raise UserError(
                f"--scales must contain 0, the full resolution that is predicted; found {words(self.scales)}"
            )
        if self.freeze_batchnorm and self.weights_init == "scratch":
            raise UserError(
                "--freeze_batchnorm keeps the statistics of pretrained encoders, but --weights_init scratch has none: "
                "leave out one of the two"
            )
        if not 0 < self.min_depth < self.max_depth:
            raise UserError(
                f"--min_depth must be positive and below --max_depth; found {self.min_depth:g} and "
                f"{self.max_depth:g}"
            )
        if self.initial_depth and not self.min_depth < self.initial_depth < self.max_depth:
            raise UserError(
                f"--initial_depth must lie between --min_depth and --max_depth ({self.min_depth:g} and "
                f"{self.max_depth:g}), or be 0 for the published start; found {self.initial_depth:g}"
            )
