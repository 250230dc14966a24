"""Where timm's weights lie, and how a file of them fits a backbone that is cut to its features."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from selfsup_depth.errors import UserError
from selfsup_depth.networks.encoders.pretrained import check_reachable, hub_file
from selfsup_depth.networks.encoders.weights import load_weights, read_weights


def cached_or_reachable(name: str) -> Path | None:
    """Path of the pretrained weights if they are cached; None when they must, and can, be downloaded."""
    import huggingface_hub
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise UserError(
            f"--weights_init pretrained: timm has no pretrained weights for {name}; choose another encoder "
            "or --weights_init scratch."
        )
    url, cached = timm_source(name)
    if cached.is_file():
        return cached
    if config.hf_hub_id:
        for file in (config.hf_hub_filename, "model.safetensors", "pytorch_model.bin"):
            found = file and huggingface_hub.try_to_load_from_cache(config.hf_hub_id, file)
            if isinstance(found, str):
                return Path(found)
    check_reachable(url, name, url, cached)
    return None


def timm_source(name: str) -> tuple[str, Path]:
    """Address of a model's pretrained weights, and the file or folder they are cached in."""
    import timm
    from huggingface_hub import constants

    config = timm.get_pretrained_cfg(name)
    assert config is not None  # cached_or_reachable has seen to that
    if not config.hf_hub_id:
        return str(config.url), hub_file(str(config.url))
    file = config.hf_hub_filename or "model.safetensors"
    return f"{constants.ENDPOINT}/{config.hf_hub_id}/resolve/main/{file}", Path(constants.HF_HUB_CACHE)


def load_timm_file(net: nn.Module, name: str, path: str | Path) -> None:
    """Load a file with the weights of timm's whole model `name` into its feature part `net`, strictly.

    Raises:
        UserError: when it cannot be read, or holds more or less than that model.
    """
    import timm

    # timm writes "stages.0" in a whole model and "stages_0" in its feature part: compare without the dots
    own = {key.replace(".", "_"): key for key in net.state_dict()}
    with torch.device("meta"):
        whole = {key.replace(".", "_") for key in timm.create_model(name).state_dict()}
    tensors = {own.get(k.replace(".", "_"), k): value for k, value in read_weights(path).items()}
    dropped = {key for key in tensors if key.replace(".", "_") in whole and key not in own.values()}
    load_weights(net, tensors, str(path), unused="\0", dropped=dropped)
