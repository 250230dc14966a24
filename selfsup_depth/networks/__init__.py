"""What has weights: encoders, depth decoders, pose networks."""

from __future__ import annotations

from selfsup_depth.networks.depth_decoder import DepthDecoder
from selfsup_depth.networks.encoders import ENCODERS, Encoder, build_encoder
from selfsup_depth.networks.learnt_intrinsics import LearntFocalLength
from selfsup_depth.networks.pose import PoseCNN, PoseDecoder

__all__ = ["ENCODERS", "DepthDecoder", "Encoder", "LearntFocalLength", "PoseCNN", "PoseDecoder", "build_encoder"]
