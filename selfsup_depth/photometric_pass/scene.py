"""What all scales of a step look at, made ready once: images with a margin, so that nothing is masked at borders.

A pass needs, around the image, one reflected pixel for 3x3 windows (the *ring*), and for the transpose of the windows
two more, whose values never count. Pixels of that margin are copies; `inside` says which windows count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.losses.ssim import TargetStatistics, refuse_tiny, window_statistics

#: pixels at each side of images; windows have one less
MARGIN = 3


class Scene(NamedTuple):
    """Target and sources, h = H + 2 MARGIN and w = W + 2 MARGIN."""

    sources: Tensor  # [3, N, B, H, W] in [0, 1], planes, the order in which a pass looks things up
    target: TargetStatistics  # ring [B, 3, h, w], mean and variance [B, 3, h - 2, w - 2]
    pixel_u: Tensor  # [w] centres of the pixels in a row, those of the margin copied
    pixel_v: Tensor  # [h, 1]
    inside: Tensor  # [h - 2, w - 2] 1 for windows of the image itself, 0 for those of the margin
    unwarped: Tensor | None = None  # [B, h - 2, w - 2] least (or mean) error of the sources as they are

    def image(self, index: int) -> Scene:
        """One image of the batch."""
        one = slice(index, index + 1)
        unwarped = None if self.unwarped is None else self.unwarped[one]
        return self._replace(
            sources=self.sources[:, :, one].contiguous(), target=self.target.image(index), unwarped=unwarped
        )

    def with_unwarped(self, error: Tensor) -> Scene:
        """With auto-masking against an error [B, H, W]."""
        return self._replace(unwarped=F.pad(error, (MARGIN - 1,) * 4))


@torch.no_grad()
def prepare_scene(target: Tensor, sources: Sequence[Tensor]) -> Scene:
    """Target [B, 3, H, W] in [0, 1] and N sources like it; raises UserError when they are smaller than 2 x 2."""
    refuse_tiny(target)
    height, width = target.shape[-2:]
    rows, columns = margin_indices(height, target.device), margin_indices(width, target.device)
    windows = torch.zeros(height + 2 * MARGIN - 2, width + 2 * MARGIN - 2, dtype=target.dtype, device=target.device)
    windows[MARGIN - 1 : 1 - MARGIN, MARGIN - 1 : 1 - MARGIN] = 1
    return Scene(
        sources=torch.stack(list(sources), dim=1).permute(2, 1, 0, 3, 4).contiguous(),
        target=window_statistics(with_margin(target)),
        pixel_u=columns.to(target.dtype) + 0.5,
        pixel_v=(rows.to(target.dtype) + 0.5)[:, None],
        inside=windows,
    )


def margin_indices(size: int, device: torch.device) -> Tensor:
    """Of which pixel each is a copy: ..., 1, 0, 1, ..., size - 1, size - 2, ...; farther ones are any pixels."""
    index = torch.arange(-MARGIN, size + MARGIN, device=device).abs()
    return torch.where(index < size, index, 2 * (size - 1) - index).clamp(0, size - 1)


def with_margin(image: Tensor) -> Tensor:
    """[..., H, W] with MARGIN more pixels at each side, copied as `margin_indices` says."""
    rows, columns = (margin_indices(size, image.device) for size in image.shape[-2:])
    return image.index_select(-2, rows).index_select(-1, columns)
