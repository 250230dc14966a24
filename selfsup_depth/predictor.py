"""Depth of any image from a checkpoint, with its unit: the public way to use a trained network."""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.camera import intrinsics_matrix, resize_intrinsics
from selfsup_depth.arithmetic import PrecisionName, autocast_type
from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.image_depth import ImageDepth, ImageLike, image_tensor
from selfsup_depth.methods import METHODS, MethodRequest
from selfsup_depth.structures import DepthPrediction, Method

TOLERANCE = 1e-3  # beyond [0, 1]: rounding of whoever made the images
EXPECTED = "images for a DepthPredictor must be a float tensor [B, 3, H, W] of RGB values in [0, 1]"
#: Pixels that a CPU computes at once: with more, the features of an image leave its cache before they are used, and
#: 16 images of 640x192 take 1.4 times as long as two by two (benchmarks/RESULTS.md, "Evaluation").
PIXELS_AT_ONCE_ON_A_CPU = 2**18


class DepthPredictor:
    """A trained depth network and what its numbers mean.

    >>> predictor = DepthPredictor.load("runs/mdp/models/best")
    >>> street = predictor.predict_image("street.jpg")  # a path, a PIL image or an array of bytes
    >>> street.depth, street.unit, street.colour  # [H, W], "metres", [H, W, 3]
    >>> prediction = predictor.predict_full_size(images)  # [B, 3, H, W] in [0, 1]
    >>> prediction.depth, prediction.unit  # [B, 1, H, W], "metres"

    Metres hold for images of the training camera's field of view; another camera's depth is right up to one factor.
    """

    def __init__(
        self,
        method: Method,
        meta: CheckpointMeta,
        device: torch.device,
        precision: PrecisionName = "fp32",
    ) -> None:
        """Raises UserError for a precision that the device can only imitate."""
        self.dtype = autocast_type(precision, device)
        self.method = method.to(device).to(memory_format=torch.channels_last).eval()
        self.meta, self.device = meta, device
        self.height, self.width = meta.height, meta.width
        self.metric = meta.metres_per_unit is not None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str | torch.device | None = None,
        weights_format: str | None = None,
        *,
        precision: PrecisionName = "fp32",
    ) -> DepthPredictor:
        """Read a checkpoint folder, ours, Monodepth2's or DistDepth's.

        Args:
            device: None is the GPU where there is one.
            weights_format: whose files they are, a name in `checkpoints.FORMATS`; None looks at them, and
                `meta.origin` says what was seen.
            precision: of the network; the rest is float32.

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
        return cls(method, meta, torch.device(device), precision)

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
        images = to_network_size(images.to(self.device, torch.float32), self.height, self.width)
        return self._predict(images)

    @torch.inference_mode()
    def predict_full_size(self, images: Tensor) -> DepthPrediction:
        """Depth at the size of the images [B, 3, H, W], float RGB in [0, 1]: the network's inverse depth, upsampled.

        Raises UserError for images of another kind, shape or range, as `predict` does.
        """
        prediction = self.predict(images)
        height, width = images.shape[-2:]
        return DepthPrediction(1.0 / to_image_size(prediction.inverse_depth, height, width), prediction.metric)

    @torch.inference_mode()
    def predict_inverse_depth(self, images: Tensor) -> Tensor:
        """Inverse depth [B, 1, height, width] of images at the network's size on its device, which are not checked."""
        return self._predict(images).inverse_depth

    def predict_image(self, image: ImageLike) -> ImageDepth:
        """Depth of one picture at its own size, as arrays.

        Args:
            image: a path, a PIL image, or an array of uint8, [H, W, 3] RGB or [H, W]. Pixels are taken as they are
                stored, whatever rotation the EXIF asks for.

        Raises UserError for what is no picture of 8 bits.
        """
        pixels = image_tensor(image)
        prediction = self.predict_full_size(pixels[None].to(self.device, torch.float32) / 255)
        camera = None
        if self.meta.intrinsics is not None:
            K = intrinsics_matrix(*self.meta.intrinsics).double()
            camera = resize_intrinsics(K, pixels.shape[2] / self.width, pixels.shape[1] / self.height).numpy()
        depth = prediction.depth[0, 0].cpu().numpy()
        return ImageDepth(pixels.permute(1, 2, 0).numpy(), depth, prediction.metric, prediction.unit, camera)

    def _predict(self, images: Tensor) -> DepthPrediction:
        parts = images.contiguous(memory_format=torch.channels_last).split(self._at_once(images))
        # around all parts: autocast rounds the weights once
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            predicted = [self.method.predict(part) for part in parts]
        return DepthPrediction(torch.cat([part.depth for part in predicted]), predicted[0].metric)

    def _at_once(self, images: Tensor) -> int:
        count, _, height, width = images.shape
        return max(1, PIXELS_AT_ONCE_ON_A_CPU // (height * width)) if self.device.type == "cpu" else count


def to_network_size(images: Tensor, height: int, width: int) -> Tensor:
    """Images [B, 3, h, w] float in [0, 1] at the network's size, with anti-aliasing where they are larger."""
    if images.shape[-2:] == (height, width):
        return images
    resized = F.interpolate(images, (height, width), mode="bilinear", align_corners=False, antialias=True)
    return resized.clamp(0, 1)


def to_image_size(inverse_depth: Tensor, height: int, width: int) -> Tensor:
    """Inverse depth [B, 1, h, w] of a network at the size of the picture."""
    return F.interpolate(inverse_depth, (height, width), mode="bilinear", align_corners=False)


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
