"""The inputs from which the reference outputs in selfsup_golden.json were computed, and how to compare.

Images and weights follow closed-form rules, so that no file has to be stored. Intrinsics are given in the
corner-origin convention: the reference used integer pixel centres, hence the half pixel that is added to
its principal points; warps then agree exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FrameId = int | str

#: fx, fy, cx, cy in units of image width and height, as the reference uses for every KITTI image
NORMALISED_INTRINSICS = (0.58, 1.92, 0.5, 0.5)
_PHASES: dict[FrameId, float] = {0: 0.0, -1: 0.4, 1: 0.8, "s": 1.2}
_UNTOUCHED = ("num_batches_tracked", "backprojector.")


def load_golden() -> dict[str, Any]:
    """All reference outputs."""
    return json.loads((Path(__file__).parent / "selfsup_golden.json").read_text())


def load_state_dict_keys() -> dict[str, Any]:
    """Ordered key -> shape of every reference network."""
    return json.loads((Path(__file__).parent / "state_dict_keys.json").read_text())


def img(b: int, c: int, h: int, w: int, ph: float = 0.0) -> Tensor:
    """0.5 + 0.5 sin(0.05 (13 i + 7 j + 29 c + 17 b) + ph) as float32 [b, c, h, w]."""
    n, k, i, j = np.meshgrid(*(np.arange(size, dtype=np.float64) for size in (b, c, h, w)), indexing="ij")
    wave = 0.5 + 0.5 * np.sin(0.05 * (13 * i + 7 * j + 29 * k + 17 * n) + ph)
    return torch.from_numpy(wave.astype(np.float32))


def deterministic_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict with the values of the weight rule. Order of keys matters: it enters the rule."""
    return {key: _deterministic_weight(key, value, j) for j, (key, value) in enumerate(state_dict.items())}


def set_deterministic_weights(module: torch.nn.Module) -> torch.nn.Module:
    """Load the weights of the rule into a module, put it in eval mode and return it."""
    module.load_state_dict(deterministic_state_dict(module.state_dict()))
    return module.eval()


def _deterministic_weight(key: str, value: Tensor, j: int) -> Tensor:
    if any(part in key for part in _UNTOUCHED):
        return value
    n = value.numel()
    u = np.sin(12.9898 * (np.arange(n, dtype=np.float64) + 1) + 0.11 * j) * 43758.5453
    base = 2.0 * (u - np.floor(u)) - 1.0
    if key.endswith("running_var"):
        base = 1.0 + 0.2 * base
    elif key.endswith("running_mean"):
        base = 0.05 * base
    elif value.dim() == 1 and key.endswith(".weight"):
        base = 1.0 + 0.1 * base
    elif value.dim() < 2:
        base = 0.05 * base
    else:
        gain = 5.0 if key.startswith(("decoder.", "net.", "pose_conv")) else 2.0
        base = base * np.sqrt(gain / (n / value.shape[0]))
    return torch.from_numpy(base).reshape(value.shape).to(value.dtype)


def stats(tensor: Tensor) -> dict[str, Any]:
    """Shape, mean, population standard deviation, first, middle (n // 2), last, min and max value."""
    flat = tensor.detach().double().flatten()
    return {
        "shape": list(tensor.shape),
        "mean": flat.mean().item(),
        "std": flat.std(correction=0).item(),
        "first": flat[0].item(),
        "last": flat[-1].item(),
        "mid": flat[flat.numel() // 2].item(),
        "min": flat.min().item(),
        "max": flat.max().item(),
    }


def assert_stats(tensor: Tensor, golden: Mapping[str, Any], rtol: float = 1e-4, atol: float = 1e-6) -> None:
    """Assert that every statistic of the tensor is the golden one."""
    found = stats(tensor)
    assert found["shape"] == list(golden["shape"]), f"shape {found['shape']}, expected {golden['shape']}"
    for name, value in found.items():
        if name != "shape":
            np.testing.assert_allclose(value, golden[name], rtol=rtol, atol=atol, err_msg=name)


def golden_intrinsics(width: int, height: int, batch: int = 2) -> Tensor:
    """[batch, 3, 3] intrinsics of the reference for an image of this size, corner origin."""
    fx, fy, cx, cy = NORMALISED_INTRINSICS
    matrix = [[fx * width, 0, cx * width + 0.5], [0, fy * height, cy * height + 0.5], [0, 0, 1]]
    return torch.tensor(matrix, dtype=torch.float32).repeat(batch, 1, 1)


@dataclass(frozen=True)
class GoldenBatch:
    """What the reference losses were computed from: H = 64, W = 96, B = 2, four scales."""

    images: dict[FrameId, list[Tensor]]  # frame -> [2, 3, H >> s, W >> s] for scales 0..3
    intrinsics: list[Tensor]  # [2, 3, 3] for scales 0..3, corner origin
    disparities: list[Tensor]  # sigmoid outputs [2, 1, H >> s, W >> s] for scales 0..3
    axis_angle: dict[int, Tensor]  # source -> [2, 3] as a pose network returns it
    translation: dict[int, Tensor]  # source -> [2, 3]
    stereo_T_target: Tensor  # [2, 4, 4]
    predictive_masks: list[Tensor]  # [2, 2, H >> s, W >> s] of sources -1 and 1, for scales 0..3
    min_depth: float = 0.1
    max_depth: float = 100.0

    @property
    def inverted(self) -> dict[int, bool]:
        """Whether a source's motion is the inverse of what the pose network returned."""
        return {-1: True, 1: False}


def loss_batch(height: int = 64, width: int = 96, batch: int = 2, scales: int = 4) -> GoldenBatch:
    """The batch behind `loss_md2`, `loss_hints` and `loss_many`."""
    sizes = [(height >> s, width >> s) for s in range(scales)]
    stereo = torch.eye(4).repeat(batch, 1, 1)
    stereo[:, 0, 3] = torch.tensor([-0.1, 0.1]).repeat((batch + 1) // 2)[:batch]
    return GoldenBatch(
        images={frame: [img(batch, 3, h, w, ph) for h, w in sizes] for frame, ph in _PHASES.items()},
        intrinsics=[golden_intrinsics(w, h, batch) for h, w in sizes],
        disparities=[0.2 + 0.1 * img(batch, 1, h, w, 2.0) for h, w in sizes],
        axis_angle={f: torch.tensor([[0.01, -0.02, 0.03]]).repeat(batch, 1) for f in (-1, 1)},
        translation={
            -1: torch.tensor([[0.1, 0.05, -0.2]]).repeat(batch, 1),
            1: torch.tensor([[-0.05, 0.02, 0.15]]).repeat(batch, 1),
        },
        stereo_T_target=stereo,
        predictive_masks=[0.4 + 0.3 * img(batch, 2, h, w, 3.0) for h, w in sizes],
    )
