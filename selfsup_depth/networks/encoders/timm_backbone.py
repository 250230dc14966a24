"""Any backbone of timm behind the encoder contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.networks.encoders.base import Encoder
from selfsup_depth.networks.encoders.checkpointing import recompute
from selfsup_depth.networks.encoders.pretrained import unavailable
from selfsup_depth.networks.encoders.timm_weights import cached_or_reachable, load_timm_file, timm_source

_DEEPEST = 32
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class TimmEncoder(Encoder):
    """A timm model, cut to its features at strides 2 (where it has one) to 32.

    Transformers that take only one image size cannot serve; windowed ones (Swin) are told to take any.

    Args:
        name: what timm calls it, tag included if wanted ("convnext_tiny", "resnet50.a1_in1k").
        in_images: images stacked along the channels.
        weights: "scratch" (timm's own initialisation), "pretrained", or the path of a .pth or .safetensors
            file with the model's timm keys. For n images the first convolution is spread as for ResNets.

    Raises:
        UserError: when the features form no pyramid, or weights cannot be had or do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, in_images: int = 1, weights: str = "scratch") -> None:
        super().__init__()
        self.in_images = in_images
        self.encoder = _create(name, 3 * in_images, pretrained=weights == "pretrained")
        self.channels = tuple(self.encoder.feature_info.channels())
        self.reductions = tuple(self.encoder.feature_info.reduction())
        self._channels_last = str(getattr(self.encoder, "output_fmt", "NCHW")).endswith("NHWC")
        statistics = self.encoder.pretrained_cfg
        for key, default in zip(("mean", "std"), _IMAGENET, strict=True):
            value = torch.tensor(statistics.get(key) or default).repeat(in_images).view(1, -1, 1, 1)
            self.register_buffer(key, value, persistent=False)
        if weights not in ("scratch", "pretrained"):
            load_timm_file(self.encoder, name, weights)

    def recompute_activations(self) -> None:
        stages = getattr(self.encoder, "model", self.encoder)  # timm wraps some of its models once more
        for stage in stages.children():
            for block in stage if isinstance(stage, nn.ModuleList | nn.Sequential) else (stage,):
                recompute(block)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of images `[B, 3 * in_images, H, W]` in [0, 1], finest first."""
        features = self.encoder((images - self.mean) / self.std)
        return [f.permute(0, 3, 1, 2) for f in features] if self._channels_last else features


def _create(name: str, in_channels: int, pretrained: bool) -> Any:
    import timm  # seconds to import, and only who asks for such a backbone needs it

    cached = cached_or_reachable(name) if pretrained else None

    def build(**options: Any) -> Any:
        return timm.create_model(
            name,
            features_only=True,
            in_chans=in_channels,
            pretrained=pretrained,
            pretrained_cfg_overlay={"file": str(cached)} if cached else None,
            **options,
        )

    try:
        net = _any_size(build)
        reductions = net.feature_info.reduction()
        kept = [i for i, reduction in enumerate(reductions) if 2 <= reduction <= _DEEPEST]
        strides = [reductions[i] for i in kept]
        if len(set(strides)) < len(strides) or strides != sorted(strides) or len(strides) < 2:
            raise UserError(
                f"--encoder {name}: its features have strides {reductions}, but a depth decoder needs a "
                "pyramid (4, 8, 16, 32 say); choose a convolutional or hierarchical backbone."
            )
        # features nobody reads are left out in the building, so that no parameter lacks a gradient
        return net if len(kept) == len(reductions) else _any_size(build, out_indices=tuple(kept))
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise unavailable(name, *timm_source(name), error) from error


def _any_size(build: Callable[..., Any], **options: Any) -> Any:
    try:
        return build(strict_img_size=False, **options)
    except TypeError:  # only windowed transformers have, and need, this option
        return build(**options)
