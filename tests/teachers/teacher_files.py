"""Teachers small enough for a test, and files with every key of the published ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import golden_inputs
import numpy as np
import torch
from torch import Tensor, nn

#: architecture -> its entry in state_dict_keys.json
KEYS = {"dpt_hybrid": "dpt.vitb_rn50_384", "dpt_large": "dpt.vitl16_384"}
_BLOCK = 32768  # fits the cache: half the time of whole arrays
_WIDTH = 32
_COMMON: dict[str, Any] = {
    "hidden_size": _WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def published_shapes(architecture: str) -> dict[str, list[int]]:
    """Ordered key -> shape of the published checkpoint file."""
    return golden_inputs.load_state_dict_keys()[KEYS[architecture]]


def rule_weights(architecture: str) -> dict[str, Tensor]:
    """What `golden_inputs.deterministic_state_dict` makes of the published keys, four times as fast."""
    shapes = published_shapes(architecture)
    return {key: rule_weight(key, shape, j) for j, (key, shape) in enumerate(shapes.items())}


def rule_weight(key: str, shape: list[int], j: int) -> Tensor:
    """The weight of the rule for the j-th key."""
    n = math.prod(shape)
    if len(shape) == 1:
        factor, offset = (0.1, 1.0) if key.endswith(".weight") else (0.05, 0.0)
    else:
        factor, offset = np.sqrt(2.0 / (n / shape[0])), 0.0
    filled, counts, floor = np.empty(n, np.float32), np.arange(1.0, _BLOCK + 1), np.empty(_BLOCK)
    for start in range(0, n, _BLOCK):
        part = filled[start : start + _BLOCK]
        u = counts[: part.size] + start
        u *= 12.9898
        u += 0.11 * j
        np.sin(u, out=u)
        u *= 43758.5453
        u -= np.floor(u, out=floor[: part.size])
        u *= 2.0
        u -= 1.0
        u *= factor
        u += offset
        part[:] = u
    return torch.from_numpy(filled).reshape(shape)


def random_state(shapes: dict[str, list[int]], seed: int = 0) -> dict[str, Tensor]:
    """Random tensors of these shapes that share one storage, so that a file of them is small.

    A network of them computes something: the scale follows the fan-in, and the last bias is positive.
    """
    generator = torch.Generator().manual_seed(seed)
    pool = torch.randn(max(math.prod(shape) for shape in shapes.values()), generator=generator) * 0.03
    state = {key: pool[: math.prod(shape)].view(shape) for key, shape in shapes.items()}
    last = [key for key in shapes if key.endswith("bias")][-1]
    return {**state, last: torch.ones(shapes[last])}


def write_isl_file(path: Path, architecture: str, seed: int = 0, **changes: Tensor | None) -> Path:
    """A checkpoint file with all published keys; a change of None takes a key out."""
    state: dict[str, Tensor | None] = {**random_state(published_shapes(architecture), seed), **changes}
    torch.save({key: value for key, value in state.items() if value is not None}, path)
    return path


def write_midas_file(path: Path, shapes: dict[str, list[int]], without: str = "nothing") -> str:
    """A checkpoint file of these keys, less those that have `without` in them; running variances are 1."""
    state = random_state({key: shape for key, shape in shapes.items() if without not in key})
    ones = {key: torch.ones(shapes[key]) for key in state if "running_var" in key}
    torch.save({**state, **ones}, path)
    return str(path)


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Weights with which even a tiny model's output varies over the image."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
        parameter.data = noise / math.sqrt(fan_in) + (parameter.dim() == 1)
    return model.eval()


def tiny_dpt(seed: int = 0) -> nn.Module:
    """DPT of 0.3 M parameters, trained, so to speak, at 64x64."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(
        **_COMMON, image_size=64, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[16] * 4, fusion_hidden_size=32
    )
    return randomise(DPTForDepthEstimation(config), seed)


def tiny_hybrid() -> nn.Module:
    """DPT-Hybrid of 0.4 M parameters at 64x64."""
    from transformers import DPTConfig, DPTForDepthEstimation

    resnet = {
        "model_type": "bit", "global_padding": "same", "layer_type": "bottleneck", "depths": [1, 1, 1],
        "hidden_sizes": [128, 128, 128], "embedding_size": 32, "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    }  # fmt: skip
    config = DPTConfig(
        **_COMMON, is_hybrid=True, backbone_config=resnet, image_size=64, backbone_featmap_shape=[1, 128, 4, 4],
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[128, 128, 16, 16], fusion_hidden_size=32,
    )  # fmt: skip
    return randomise(DPTForDepthEstimation(config))


def _dinov2() -> dict[str, Any]:
    return {
        "model_type": "dinov2", "image_size": 56, "patch_size": 14, "hidden_size": _WIDTH, "num_hidden_layers": 4,
        "num_attention_heads": 2, "mlp_ratio": 2, "out_indices": [1, 2, 3, 4], "reshape_hidden_states": False,
    }  # fmt: skip


def tiny_dpt_on_dinov2() -> nn.Module:
    """DPT with a DINOv2 backbone, as published for metres."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(backbone_config=_dinov2(), neck_hidden_sizes=[16] * 4, fusion_hidden_size=32)
    return randomise(DPTForDepthEstimation(config))


def tiny_depth_anything(depth_estimation_type: str = "relative", max_depth: int = 1) -> nn.Module:
    """Depth Anything of 0.1 M parameters at 56x56."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    config = DepthAnythingConfig(
        backbone_config=_dinov2(), reassemble_hidden_size=_WIDTH, neck_hidden_sizes=[16] * 4, fusion_hidden_size=16,
        head_hidden_size=8, depth_estimation_type=depth_estimation_type, max_depth=max_depth,
    )  # fmt: skip
    return randomise(DepthAnythingForDepthEstimation(config))


def tiny_zoedepth() -> nn.Module:
    """ZoeDepth of 0.3 M parameters at 64x64."""
    from transformers import ZoeDepthConfig, ZoeDepthForDepthEstimation

    beit = {
        **_COMMON, "model_type": "beit", "image_size": 64, "patch_size": 16, "use_relative_position_bias": True,
        "reshape_hidden_states": False, "out_features": ["stage1", "stage2", "stage3", "stage4"],
    }  # fmt: skip
    config = ZoeDepthConfig(
        backbone_config=beit, neck_hidden_sizes=[16] * 4, fusion_hidden_size=32, bottleneck_features=32,
        bin_embedding_dim=16,
    )  # fmt: skip
    return randomise(ZoeDepthForDepthEstimation(config))
