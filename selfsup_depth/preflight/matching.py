"""Which points of one picture are seen where in another: normalised cross-correlation, without assumptions.

The search covers the whole other picture, so that wrong data (swapped, rotated, out of order) is not mistaken for
pictures without matches. Coarse to fine: 9x9 patches at half the size, then 11x11 patches and a parabola.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE_PATCH, FINE_PATCH = 9, 11
FINE_REACH = 3  # pixels around what the coarse search found
#: A patch whose grey values (0 to 1) vary less has nothing to match: noise of 8-bit JPEG is about 0.005.
FLATTEST = 0.012
#: Correlation of true matches: 95 % are above it on KITTI's stereo pairs, 4 % of those between unrelated streets.
LEAST_SCORE = 0.8
#: The best match must beat the second best elsewhere by this much, or the texture repeats itself.
LEAST_LEAD = 0.02
BACK_AGAIN = 1.5  # coarse pixels: the match of the match is where we started
CELL = 16  # pixels: the strongest corner of each cell, so that points spread over the picture
MOST_POINTS = 240
SMALLEST = FINE_PATCH + 2 * FINE_REACH + 2  # pixels of a side: in less nothing can be searched


@dataclass(frozen=True)
class Matches:
    """Points of a picture a and where b shows them, pixels with corner origin."""

    points: Tensor  # [N, 2] in a
    found: Tensor  # [N, 2] in b; meaningless where not valid
    valid: Tensor  # [N] bool

    @property
    def share(self) -> float:
        """Part of the points that were found again, 0 to 1."""
        return float(self.valid.float().mean()) if len(self.valid) else 0.0

    @property
    def count(self) -> int:
        return int(self.valid.sum())

    @property
    def flow(self) -> Tensor:
        """[M, 2] pixels, displacements of the valid points."""
        return (self.found - self.points)[self.valid]


def find_points(grey: Tensor) -> Tensor:
    """[N, 2] whole pixels (column, row) of grey [h, w] in [0, 1]: the best corner of each cell (Shi, Tomasi 1994)."""
    image = grey[None, None]
    dx = F.pad(image[..., 1:-1, 2:] - image[..., 1:-1, :-2], (1, 1, 1, 1))
    dy = F.pad(image[..., 2:, 1:-1] - image[..., :-2, 1:-1], (1, 1, 1, 1))
    xx, yy, xy = (F.avg_pool2d(product, 7, 1, 3)[0, 0] for product in (dx * dx, dy * dy, dx * dy))
    strength = (xx + yy) / 2 - (((xx - yy) / 2).square() + xy.square()).sqrt()
    margin = FINE_PATCH // 2 + FINE_REACH + 1
    inner = torch.zeros_like(strength)
    inner[margin:-margin, margin:-margin] = strength[margin:-margin, margin:-margin]
    best, index = F.max_pool2d(inner[None, None], CELL, return_indices=True, ceil_mode=True)
    best, index = best.flatten(), index.flatten()
    keep = torch.argsort(best, descending=True, stable=True)[:MOST_POINTS]
    keep = keep[best[keep] > FLATTEST**2 / 4]
    width = grey.shape[1]
    return torch.stack([index[keep] % width, index[keep] // width], dim=1)


def match(a: Tensor, b: Tensor, points: Tensor | None = None) -> Matches:
    """Where grey picture b [h', w'] shows the points of grey picture a [h, w], both in [0, 1].

    `points` [N, 2] are whole pixels (column, row); None: `find_points(a)`.
    """
    points = find_points(a) if points is None else points
    if not len(points) or min(*a.shape, *b.shape) < SMALLEST:
        nowhere = points.float() + 0.5
        return Matches(nowhere, nowhere, torch.zeros(len(points), dtype=torch.bool))
    coarse_a, coarse_b = _Patches(a), _Patches(b)
    start = coarse_a.nearest(points)
    there, score, lead = coarse_a.best_in(coarse_b, start)
    back, _, _ = coarse_b.best_in(coarse_a, there)
    returned = (coarse_a.places(back) - coarse_a.places(start)).norm(dim=1) <= BACK_AGAIN
    shift = 2 * (coarse_b.places(there) - coarse_a.places(start))
    found, fine_score = _refine(a, b, points, points + shift)
    valid = (score > LEAST_SCORE) & (lead > LEAST_LEAD) & returned & (fine_score > LEAST_SCORE)
    return Matches(points + 0.5, found + 0.5, valid)


class _Patches:
    """All patches of a picture at half its size, each with mean 0 and length 1."""

    def __init__(self, grey: Tensor) -> None:
        self.grey = F.avg_pool2d(grey[None, None], 2)
        self.height, self.width = (size - COARSE_PATCH + 1 for size in self.grey.shape[-2:])
        self.unit = _normalised(F.unfold(self.grey, COARSE_PATCH)[0], dim=0)  # [81, L]

    def nearest(self, points: Tensor) -> Tensor:
        """[N] numbers of the patches around pixels [N, 2] of the full size."""
        column = (points[:, 0] // 2 - COARSE_PATCH // 2).clamp(0, self.width - 1)
        row = (points[:, 1] // 2 - COARSE_PATCH // 2).clamp(0, self.height - 1)
        return row * self.width + column

    def places(self, index: Tensor) -> Tensor:
        """[N, 2] column and row of patches."""
        return torch.stack([index % self.width, index // self.width], dim=1).float()

    def best_in(self, other: _Patches, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Best patch of `other` for each of these [N]: its number, its correlation, and its lead over the second."""
        scores = self.unit[:, index].T @ other.unit  # [N, L]
        score, best = scores.max(dim=1)
        rows, columns = torch.meshgrid(torch.arange(-3, 4), torch.arange(-3, 4), indexing="ij")
        around = (rows * other.width + columns).flatten()
        near = (best[:, None] + around[None]).clamp(0, scores.shape[1] - 1)
        second = scores.scatter(1, near, -1.0).amax(dim=1)
        return best, score, score - second


def _refine(a: Tensor, b: Tensor, points: Tensor, guess: Tensor) -> tuple[Tensor, Tensor]:
    """Positions [N, 2] in b to a fraction of a pixel, near a guess, and their correlation [N]."""
    half, reach = FINE_PATCH // 2, FINE_REACH
    side = 2 * reach + 1
    template = _normalised(_windows(a, points, half).flatten(1), dim=1)  # [N, 121]
    low, high = half + reach, torch.tensor([b.shape[1], b.shape[0]]) - 1 - half - reach
    base = guess.round().long().clamp(min=low).minimum(high)
    windows = _windows(b, base, half + reach)  # [N, 17, 17]
    candidates = windows.unfold(1, FINE_PATCH, 1).unfold(2, FINE_PATCH, 1).flatten(3).flatten(1, 2)  # [N, 49, 121]
    scores = (_normalised(candidates, dim=2) @ template[..., None])[..., 0].view(-1, side, side)
    score, best = scores.flatten(1).max(dim=1)
    row, column = best // side, best % side
    number = torch.arange(len(points))
    inner_row, inner_column = row.clamp(1, side - 2), column.clamp(1, side - 2)
    du = _vertex(*(scores[number, row, inner_column + k] for k in (-1, 0, 1)))
    dv = _vertex(*(scores[number, inner_row + k, column] for k in (-1, 0, 1)))
    moved = torch.stack([inner_column + du - reach, inner_row + dv - reach], dim=1)
    return base + moved, score


def _windows(grey: Tensor, centres: Tensor, half: int) -> Tensor:
    """[N, 2 half + 1, 2 half + 1] around pixels [N, 2] (column, row)."""
    offsets = torch.arange(-half, half + 1)
    rows = (centres[:, 1, None] + offsets).clamp(0, grey.shape[0] - 1)
    columns = (centres[:, 0, None] + offsets).clamp(0, grey.shape[1] - 1)
    return grey[rows[:, :, None], columns[:, None, :]]


def _normalised(patches: Tensor, dim: int) -> Tensor:
    """Patches with mean 0 and length 1 along `dim`; flat ones become 0 and match nothing."""
    centred = patches - patches.mean(dim, keepdim=True)
    length = centred.norm(dim=dim, keepdim=True)
    flat = length < FLATTEST * patches.shape[dim] ** 0.5
    return torch.where(flat, torch.zeros_like(centred), centred / length.clamp(min=1e-6))


def _vertex(before: Tensor, here: Tensor, after: Tensor) -> Tensor:
    """Where the parabola through three neighbouring values has its top, within a pixel of the middle."""
    bend = (before - 2 * here + after).clamp(max=-1e-6)
    return (0.5 * (before - after) / bend).clamp(-1, 1)
