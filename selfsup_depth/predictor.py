"""Depth of any image from a checkpoint, with its unit: the public way to use a trained network."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS, MethodRequest
from selfsup_depth.structures import DepthPrediction, Method


class DepthPredictor:
    """A trained depth network and what its numbers mean.

    >>> predictor = DepthPredictor.load("runs/mdp/models/best")
    >>> prediction = predictor.predict_full_size(images)  # [B, 3, H, W] in [0, 1]
    >>> prediction.depth, prediction.unit  # [B, 1, H, W], "metres"
    """

    def __init__(self, method: Method, meta: CheckpointMeta, device: torch.device) -> None:
        self.method = method.to(device).eval()
        self.meta, self.device = meta, device
        self.height, self.width = meta.height, meta.width
        self.metric = meta.metres_per_unit is not None

    @classmethod
    def load(
        cls, folder: str | Path, device: str | torch.device | None = None, weights_format: str | None = None
    ) -> DepthPredictor:
        """Read a checkpoint folder, ours, Monodepth2's or DistDepth's.

        Args:
            device: None is the GPU where there is one.
            weights_format: whose files they are, a name in `checkpoints.FORMATS`; None looks at them, and
                `meta.origin` says what was seen.

        Raises UserError naming the file when something is missing, damaged or does not fit.
        """
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        checkpoint = load_checkpoint(Path(folder), format=weights_format)
        meta = checkpoint.meta
        if meta.method not in METHODS:
            raise UserError(f"{folder} was trained by method '{meta.method}'; this version knows: {', '.join(METHODS)}")
        method = METHODS[meta.method](depth_only_request(meta))
        load_into(method.networks, checkpoint, list(method.networks))
        return cls(method, meta, torch.device(device))

    @torch.inference_mode()
    def predict(self, images: Tensor) -> DepthPrediction:
        """Depth at the network's own size.

        Args:
            images: [B, 3, h, w] in [0, 1], any size; resized with anti-aliasing where needed.
        Returns:
            depth [B, 1, height, width].
        """
        images = images.to(self.device)
        if images.shape[-2:] != (self.height, self.width):
            images = F.interpolate(
                images, (self.height, self.width), mode="bilinear", align_corners=False, antialias=True
            ).clamp(0, 1)
        return self.method.predict(images)

    @torch.inference_mode()
    def predict_full_size(self, images: Tensor) -> DepthPrediction:
        """Depth at the size of the images [B, 3, H, W]: the network's inverse depth, upsampled."""
        prediction = self.predict(images)
        inverse = F.interpolate(prediction.inverse_depth, images.shape[-2:], mode="bilinear", align_corners=False)
        return DepthPrediction(1.0 / inverse, prediction.metric)


def depth_only_request(meta: CheckpointMeta) -> MethodRequest:
    """What it takes to rebuild the depth network of a checkpoint, without its pose networks."""
    network = NetworkConfig(
        encoder=meta.encoder,
        weights_init="scratch",
        scales=tuple(meta.scales),  # type: ignore[arg-type]
        min_depth=meta.min_depth,
        max_depth=meta.max_depth,
        initial_depth=0.0,
        upsample=meta.upsample,  # type: ignore[arg-type]
    )
    return MethodRequest(network, LossConfig(), (0,), use_stereo=False, metres_per_unit=meta.metres_per_unit)
