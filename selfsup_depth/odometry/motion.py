"""The pose networks of a checkpoint: motion of the camera between consecutive images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import FrameId, Method


@dataclass(frozen=True)
class MotionPredictor:
    """A trained pose network and what its lengths mean."""

    method: Method
    meta: CheckpointMeta
    device: torch.device
    frames: tuple[int, ...]  # what it looks at together, the target 0 first

    @property
    def metric(self) -> bool:
        return self.meta.metres_per_unit is not None

    @classmethod
    def load(cls, folder: Path, device: torch.device, weights_format: str | None = None) -> MotionPredictor:
        """Read a checkpoint folder, ours, Monodepth2's or DistDepth's.

        Raises UserError naming the folder when it has no pose network, or one for frames that are no neighbours.
        """
        checkpoint = load_checkpoint(folder, format=weights_format)
        meta = checkpoint.meta
        if meta.pose_model_type is None:
            raise UserError(
                f"{folder} has no pose network: it was trained from stereo alone; give a model that was trained with "
                "--frame_ids 0 -1 1."
            )
        frames = _frames(meta, folder)
        method = build_method(meta.method, request_of(meta, frames))
        wanted = [name for name in method.networks if name != "intrinsics"]
        load_into(method.networks, checkpoint, wanted)
        return cls(method.to(device).eval(), meta, device, frames)

    @torch.inference_mode()
    def next_T_this(self, images: dict[int, Tensor]) -> Tensor:
        """[B, 4, 4] float32: maps points of the camera of frame 0 to that of frame 1 (metres where `metric`).

        Args:
            images: frame -> [B, 3, height, width] in [0, 1], of every frame of `frames`.
        """
        moved = {frame: image.to(self.device, torch.float32) for frame, image in images.items()}
        motions: dict[FrameId, Tensor] = self.method.predict_motion(moved)
        motion = motions[1].clone()
        motion[:, :3, 3] *= self.meta.metres_per_unit or 1.0
        return motion


def _frames(meta: CheckpointMeta, folder: Path) -> tuple[int, ...]:
    """Frames that go into one prediction of the motion to the next frame."""
    if meta.pose_model_input != "all":
        return (0, 1)  # a pair is a pair, whichever neighbours it was trained with
    frames = tuple(frame for frame in meta.frame_ids if isinstance(frame, int))
    if 1 not in frames:
        raise UserError(
            f"{folder}: its pose network looks at frames {' '.join(map(str, frames))} together and never at the next "
            "one (1), so nothing can be chained; evaluate a model trained with --frame_ids 0 -1 1."
        )
    return frames


def request_of(meta: CheckpointMeta, frames: tuple[int, ...]) -> MethodRequest:
    """What it takes to rebuild the networks of a checkpoint, pose networks included."""
    layers = int(meta.pose_encoder.removeprefix("resnet")) if meta.pose_encoder else None
    network = NetworkConfig(
        encoder=meta.encoder,
        weights_init="scratch",
        scales=tuple(meta.scales),
        min_depth=meta.min_depth,
        max_depth=meta.max_depth,
        initial_depth=0.0,
        upsample=meta.upsample,  # type: ignore[arg-type]
        pose_num_layers=layers,  # type: ignore[arg-type]
        pose_model_type=meta.pose_model_type,  # type: ignore[arg-type]
        pose_model_input=meta.pose_model_input or "pairs",  # type: ignore[arg-type]
    )
    return MethodRequest(network, LossConfig(), frames, use_stereo=False, metres_per_unit=meta.metres_per_unit)
