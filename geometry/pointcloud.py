"""A depth map as a coloured point cloud."""

from __future__ import annotations

import torch
from torch import Tensor

from geometry.projection import unproject

#: Neighbouring pixels whose depths differ by more than this share of the nearer one lie on two surfaces. A road seen
#: from 1.65 m with a focal length of 720 pixels reaches it 120 m away.
EDGE_THRESHOLD = 0.1


def point_cloud(
    depth: Tensor,
    intrinsics: Tensor,
    image: Tensor | None = None,
    *,
    max_depth: float | None = None,
    edge_threshold: float = EDGE_THRESHOLD,
) -> tuple[Tensor, Tensor | None]:
    """The points that a depth map shows, row by row, without those at its edges.

    Networks and interpolation smear the step between two surfaces over a few pixels, which become points in the
    air between them: a pixel is left out where the depth jumps (`depth_edges`).

    Args:
        depth: [H, W], in any unit; 0, negative and non-finite values are left out.
        intrinsics: [3, 3] pixels of this map (corner origin).
        image: [3, H, W] uint8, or float in [0, 1]; None: no colours.
        max_depth: leave out what is farther; None: nothing.
        edge_threshold: relative jump; `inf` keeps every pixel.
    Returns:
        points [N, 3] float32 in the unit of depth (x right, y down, z forward), colours [N, 3] uint8 or None.

    Raises:
        ValueError: for other shapes, or an edge_threshold that is not above 0.
    """
    _check_shapes(depth, intrinsics, image)
    kept = _valid(depth) & ~depth_edges(depth, edge_threshold)
    if max_depth is not None:
        kept &= depth <= max_depth
    clean = torch.where(kept, depth, torch.zeros_like(depth)).double()
    points = unproject(clean[None, None], intrinsics.to(depth.device, torch.float64)[None])[0]
    colours = None
    if image is not None:
        pixels = (image.clamp(0, 1) * 255).round().byte() if image.is_floating_point() else image
        colours = pixels[:, kept].T.contiguous()
    return points[:, kept].T.float().contiguous(), colours


def depth_edges(depth: Tensor, threshold: float = EDGE_THRESHOLD) -> Tensor:
    """Pixels [H, W] bool with a neighbour (left, right, above, below) on another surface.

    Two valid neighbours are on two surfaces where |d1 - d2| > threshold * min(d1, d2).

    Args:
        depth: [H, W]; 0, negative and non-finite values are compared with nothing.

    Raises:
        ValueError: for a threshold that is not above 0.
    """
    if not threshold > 0:
        raise ValueError(f"edge_threshold must be above 0, but is {threshold:g}: inf keeps every pixel.")
    edges = torch.zeros_like(depth, dtype=torch.bool)
    valid = _valid(depth)
    for dim in (0, 1):
        length = depth.shape[dim] - 1
        first, second = depth.narrow(dim, 0, length), depth.narrow(dim, 1, length)
        both = valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)
        jump = both & ((first - second).abs() > threshold * torch.minimum(first, second))
        edges.narrow(dim, 0, length).logical_or_(jump)
        edges.narrow(dim, 1, length).logical_or_(jump)
    return edges


def _valid(depth: Tensor) -> Tensor:
    return torch.isfinite(depth) & (depth > 0)


def _check_shapes(depth: Tensor, intrinsics: Tensor, image: Tensor | None) -> None:
    if depth.ndim != 2 or not depth.is_floating_point():
        raise ValueError(f"A depth map must be floats [H, W], but is {depth.dtype} {list(depth.shape)}.")
    if intrinsics.shape != (3, 3):
        raise ValueError(f"Intrinsics must have shape [3, 3], but have {list(intrinsics.shape)}.")
    if image is None:
        return
    if image.shape != (3, *depth.shape):
        raise ValueError(f"The image must be [3, H, W] of the depth {list(depth.shape)}, but is {list(image.shape)}.")
    if not image.is_floating_point() and image.dtype != torch.uint8:
        raise ValueError(f"The image must be uint8, or float in [0, 1], but is {image.dtype}.")
