"""Any backbone of timm behind the encoder contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.networks.encoders.base import Encoder
from selfsup_depth.networks.encoders.pretrained import check_reachable, hub_file, unavailable
from selfsup_depth.networks.encoders.weights import load_weights, read_weights

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
            _load_file(self.encoder, name, weights)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of images `[B, 3 * in_images, H, W]` in [0, 1], finest first."""
        features = self.encoder((images - self.mean) / self.std)
        return [f.permute(0, 3, 1, 2) for f in features] if self._channels_last else features


def _create(name: str, in_channels: int, pretrained: bool) -> Any:
    import timm  # seconds to import, and only who asks for such a backbone needs it

    overlay = {"file": cached} if pretrained and (cached := _cached_or_reachable(name)) else None

    def build(**options: Any) -> Any:
        return timm.create_model(
            name,
            features_only=True,
            in_chans=in_channels,
            pretrained=pretrained,
            pretrained_cfg_overlay=overlay,
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
        raise unavailable(name, "the Hugging Face hub", "not usable", "keep it", error) from error


def _any_size(build: Any, **options: Any) -> Any:
    try:
        return build(strict_img_size=False, **options)
    except TypeError:  # only windowed transformers have, and need, this option
        return build(**options)


def _cached_or_reachable(name: str) -> str | None:
    """Path of the pretrained weights in the hub's cache; None when they must, and can, be downloaded."""
    import huggingface_hub
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise UserError(
            f"--weights_init pretrained: timm has no pretrained weights for {name}; choose another encoder "
            "or --weights_init scratch."
        )
    if not config.hf_hub_id:
        url, cached = str(config.url), hub_file(str(config.url))
        if not cached.is_file():
            check_reachable(name, url, url, f"not at {cached}", f"put it at {cached}")
            return None
        return str(cached)
    for file in (config.hf_hub_filename, "model.safetensors", "pytorch_model.bin"):
        found = file and huggingface_hub.try_to_load_from_cache(config.hf_hub_id, file)
        if isinstance(found, str):
            return found
    hub = huggingface_hub.constants.ENDPOINT
    url = f"{hub}/{config.hf_hub_id}"
    check_reachable(name, hub, url, f"not in {huggingface_hub.constants.HF_HUB_CACHE}", "keep it")
    return None


def _load_file(net: nn.Module, name: str, path: str | Path) -> None:
    import timm

    # timm writes "stages.0" in a whole model and "stages_0" in its feature part: compare without the dots
    own = {key.replace(".", "_"): key for key in net.state_dict()}
    with torch.device("meta"):
        whole = {key.replace(".", "_") for key in timm.create_model(name).state_dict()}
    tensors = {own.get(k.replace(".", "_"), k): value for k, value in read_weights(path).items()}
    dropped = {key for key in tensors if key.replace(".", "_") in whole and key not in own.values()}
    load_weights(net, tensors, str(path), unused="\0", dropped=dropped)
