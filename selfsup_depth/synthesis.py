"""From a batch and a predicted depth to the views that the sources should show: the one bridge
from networks to losses (Monodepth2, Godard et al. 2019, eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from geometry.warp import SamplingImage, Warped, prepare_for_sampling, warp
from selfsup_depth.structures import FrameId, View


@dataclass(frozen=True)
class Source:
    """A view made ready once to be warped many times (every scale looks at the same image)."""

    image: SamplingImage
    intrinsics: Tensor  # [B, 3, 3]


def prepare_sources(views: dict[FrameId, View]) -> dict[FrameId, Source]:
    return {frame: Source(prepare_for_sampling(view.image), view.intrinsics) for frame, view in views.items()}


def synthesize(
    target_intrinsics: Tensor,
    sources: dict[FrameId, Source],
    depth: Tensor,
    source_T_target: dict[FrameId, Tensor],
) -> dict[FrameId, Warped]:
    """Warp every source into the target view.

    Args:
        target_intrinsics: [B, 3, 3] in pixels of the depth map.
        depth: [B, 1, H, W] of the target, in the unit of the transforms' translations.
        source_T_target: [B, 4, 4] per source, maps points of the target to the source camera.
    """
    return {
        frame: warp(source.image, depth, target_intrinsics, source.intrinsics, source_T_target[frame])
        for frame, source in sources.items()
    }
