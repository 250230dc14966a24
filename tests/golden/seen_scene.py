"""A textured scene seen by a moving stereo camera: batches to compare two ways of computing a loss on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.se3 import rigid_transform
from selfsup_depth.structures import STEREO, Batch, FrameId, View


def seen_batch(
    height: int, width: int, batch: int = 2, dtype: torch.dtype = torch.float64, seed: int = 0
) -> tuple[Batch, dict[FrameId, Tensor], dict[int, Tensor]]:
    """A batch of views at -1, 1 and stereo, their source_T_target, and sigmoid disparities at four scales.

    Nothing is symmetric or on whole pixels, so that no two ways can agree by chance; some pixels are out of view.
    """
    generator = torch.Generator().manual_seed(seed)

    def smooth(rows: int, columns: int, channels: int, size: tuple[int, int]) -> Tensor:
        coarse = torch.rand(batch, channels, rows, columns, generator=generator, dtype=torch.float64)
        return F.interpolate(coarse, size, mode="bicubic", align_corners=False).clamp(0, 1)

    scene = smooth(max(height // 4, 3), max(width // 4, 4), 3, (height + 16, width + 32))
    scene = (0.8 * scene + 0.2 * torch.rand(scene.shape, generator=generator, dtype=torch.float64)).to(dtype)
    camera = torch.tensor([[0.58 * width, 0, 0.49 * width], [0, 1.92 * height, 0.52 * height], [0, 0, 1]], dtype=dtype)

    def view(down: int, right: int) -> View:
        image = scene[..., 8 + down : 8 + down + height, 16 + right : 16 + right + width].contiguous()
        return View(image, image, camera.repeat(batch, 1, 1))

    def drawn(size: float) -> Tensor:
        return size * torch.randn(batch, 3, generator=generator, dtype=torch.float64).to(dtype)

    motions: dict[FrameId, Tensor] = {frame: rigid_transform(drawn(0.01), drawn(0.02)) for frame in (-1, 1)}
    baseline = torch.tensor([-0.1, 0.003, 0.001], dtype=dtype).repeat(batch, 1)
    motions[STEREO] = rigid_transform(0.3 * drawn(0.01), baseline)
    sources: dict[FrameId, View] = {-1: view(1, -3), 1: view(-1, 3), STEREO: view(0, 6)}
    disps = {s: (0.02 + 0.1 * smooth(4, 6, 1, (max(height >> s, 2), max(width >> s, 2)))).to(dtype) for s in range(4)}
    return Batch(view(0, 0), sources, motions[STEREO]), motions, disps
