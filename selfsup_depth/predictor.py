"""Depth of any image from a checkpoint, with its unit: the public way to use a trained network."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS, MethodRequest
from selfsup_depth.structures import DepthPrediction, Method

TOLERANCE = 1e-3  # beyond [0, 1]: rounding of whoever made the images
EXPECTED = "images for a DepthPredictor must be a float tensor [B, 3, H, W] of RGB values in [0, 1]"


class DepthPredictor:
    """A trained depth network and what its numbers mean.

    >>> predictor = DepthPredictor.load("runs/mdp/models/best")
    >>> prediction = predictor.predict_full_size(images)  # [B, 3, H, W] in [0, 1]
    >>> prediction.depth, prediction.unit  # [B, 1, H, W], "metres"

    Metres hold for images of the training camera's field of view; another camera's depth is right up to one factor.
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
            images: [B, 3, h, w] float RGB in [0, 1], any size; resized with anti-aliasing where needed.
        Returns:
            depth [B, 1, height, width].

        Raises UserError for images of another kind, shape or range (uint8, 0..255, NaN, ...).
        """
        check_images(images)
        images = images.to(self.device, torch.float32)
        if images.shape[-2:] != (self.height, self.width):
            images = F.interpolate(
                images, (self.height, self.width), mode="bilinear", align_corners=False, antialias=True
            ).clamp(0, 1)
        return self.method.predict(images)

    @torch.inference_mode()
    def predict_full_size(self, images: Tensor) -> DepthPrediction:
        """Depth at the size of the images [B, 3, H, W], float RGB in [0, 1]: the network's inverse depth, upsampled.

        Raises UserError for images of another kind, shape or range, as `predict` does.
        """
        prediction = self.predict(images)
        inverse = F.interpolate(prediction.inverse_depth, images.shape[-2:], mode="bilinear", align_corners=False)
        return DepthPrediction(1.0 / inverse, prediction.metric)


def check_images(images: Tensor) -> None:
    """Raises UserError unless images are [B, 3, H, W] float in [0, 1]; waits once for a GPU that makes them."""
    if not isinstance(images, Tensor):
        found, remedy = f"a {type(images).__name__}", "torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255"
        raise UserError(f"{EXPECTED}; found {found}: for an array [H, W, 3] of bytes use {remedy}.")
    shape = list(images.shape)
    if images.ndim != 4 or images.shape[1] != 3 or images.numel() == 0:
        remedy = "images[None] makes a batch of one [3, H, W] image" if images.ndim == 3 else "check its dimensions"
        if images.ndim == 4 and images.shape[1] in (1, 4):
            grey = images.shape[1] == 1
            remedy = "images.expand(-1, 3, -1, -1) makes grey RGB" if grey else "images[:, :3] drops alpha"
        raise UserError(f"{EXPECTED}; found shape {shape}: {remedy}.")
    if not images.is_floating_point():
        raise UserError(f"{EXPECTED}; found {images.dtype}: use images.float() / 255 for bytes.")
    low, high = torch.stack(torch.aminmax(images.detach())).tolist()
    if low >= -TOLERANCE and high <= 1 + TOLERANCE:  # false for NaN
        return
    if not (math.isfinite(low) and math.isfinite(high)):
        found, remedy = "values that are not finite", "look for NaN where they were made"
    else:
        found = f"values from {low:.4g} to {high:.4g}"
        bytes_as_float = low >= 0 and high > 2
        remedy = "use images / 255" if bytes_as_float else "undo a normalisation, or use images.clamp(0, 1)"
    raise UserError(f"{EXPECTED}; found {found}: {remedy}.")


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
