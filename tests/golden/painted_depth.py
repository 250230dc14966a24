"""A checkpoint whose depth is known: inverse depth is 0.05 + 0.45 * red, so a picture can be painted for a depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfsup_depth.checkpoints import CheckpointMeta, save_checkpoint
from selfsup_depth.structures import DepthPrediction, Method

METHOD = "painted"
HEIGHT, WIDTH = 48, 64
METRES_PER_UNIT = 2.0
FLOOR, SLOPE = 0.05, 0.45  # of inverse depth in network units


class PaintedDepth(Method):
    """Reads depth off the red channel, at the images' own size."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.metres_per_unit = request.metres_per_unit
        self.networks = nn.ModuleDict({"depth": nn.Conv2d(3, 1, 1)})
        with torch.no_grad():
            self.networks["depth"].weight.zero_()
            self.networks["depth"].weight[0, 0] = SLOPE
            self.networks["depth"].bias.fill_(FLOOR)

    @torch.inference_mode()
    def predict(self, images: Tensor, intrinsics: Tensor | None = None) -> DepthPrediction:
        inverse = self.networks["depth"](images).float()
        return DepthPrediction((self.metres_per_unit or 1.0) / inverse, self.metres_per_unit is not None)


def write_painted_checkpoint(folder: Path, **changes: Any) -> Path:
    """The test has to put `PaintedDepth` into METHODS under the name `METHOD`."""
    values: dict[str, Any] = {
        "library_version": "0.1.0", "method": METHOD, "encoder": "none", "upsample": "nearest", "scales": (0,),
        "height": HEIGHT, "width": WIDTH, "min_depth": 0.1, "max_depth": 100.0, "metres_per_unit": METRES_PER_UNIT,
        "scale_source": "the painter", "frame_ids": (0,),
    }  # fmt: skip
    meta = CheckpointMeta(**{**values, **changes})
    request = type("Request", (), {"metres_per_unit": meta.metres_per_unit})
    save_checkpoint(folder, dict(PaintedDepth(request).networks.items()), meta)
    return folder


def depth_of(red: np.ndarray | float, metres_per_unit: float = METRES_PER_UNIT) -> np.ndarray:
    """The depth that is painted by these levels (0..255) of red."""
    return metres_per_unit / (FLOOR + SLOPE * np.asarray(red, dtype=np.float64) / 255)


def red_of(depth: np.ndarray, metres_per_unit: float = METRES_PER_UNIT) -> np.ndarray:
    """Levels of red, uint8, that paint this depth as nearly as they can."""
    return np.rint((metres_per_unit / depth - FLOOR) / SLOPE * 255).astype(np.uint8)


def painted(red: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8 with these levels of red, and something else in the other channels."""
    green = np.arange(red.size).reshape(red.shape) % 200
    return np.stack([red, green, np.full_like(red, 90)], axis=-1).astype(np.uint8)
