"""Encoders by name: our own, which load the published checkpoints, and every backbone of timm."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

from selfsup_depth.errors import UserError
from selfsup_depth.networks.encoders.base import Encoder
from selfsup_depth.networks.encoders.resnet import ResNetEncoder
from selfsup_depth.networks.encoders.timm_backbone import TimmEncoder

#: name -> builder(in_images, weights); a name that is not here is looked up in timm
ENCODERS: dict[str, Callable[[int, str], Encoder]] = {
    "resnet18": partial(ResNetEncoder, "resnet18"),
    "resnet34": partial(ResNetEncoder, "resnet34"),
    "resnet50": partial(ResNetEncoder, "resnet50"),
    "resnet101": partial(ResNetEncoder, "resnet101"),
    "resnet152": partial(ResNetEncoder, "resnet152"),
}


def build_encoder(name: str, *, in_images: int = 1, weights: str = "scratch") -> Encoder:
    """An encoder for `in_images` images stacked along the channels.

    Args:
        name: a key of ENCODERS, or the name of a timm model.
        weights: "scratch", "pretrained" (ImageNet) or the path of a local .pth or .safetensors file.

    Raises:
        UserError: for an unknown name, or weights that cannot be had or do not fit.
    """
    if in_images < 1:
        raise UserError(f"an encoder takes at least one image, asked for {in_images}.")
    if name in ENCODERS:
        return ENCODERS[name](in_images, weights)
    import timm  # seconds to import: only a name that is not ours pays for it

    if not timm.is_model(name):
        close = difflib.get_close_matches(name, {*ENCODERS, *timm.list_models()}, n=5)
        hint = f"perhaps {', '.join(close)}" if close else f"own ones are {', '.join(ENCODERS)}"
        raise UserError(f"--encoder {name}: neither one of ours nor a timm model; {hint}.")
    return TimmEncoder(name, in_images, weights)


__all__ = ["ENCODERS", "Encoder", "build_encoder"]
