"""The whole loss of Monodepth2, assembled from our parts, against the reference values."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from golden_inputs import FrameId, GoldenBatch, load_golden, loss_batch
from torch import Tensor

from geometry.depth import disp_to_depth
from geometry.se3 import rigid_transform
from geometry.warp import warp
from selfsup_depth.losses import (
    combine_reprojection,
    edge_aware_smoothness,
    photometric_error,
    predictive_mask_loss,
    target_statistics,
)

SMOOTHNESS_WEIGHT = 1e-3


@dataclass(frozen=True)
class Variant:
    sources: tuple[FrameId, ...] = (-1, 1)
    average: bool = False
    automask: bool = True
    native_scales: bool = False
    ssim_weight: float = 0.85
    predictive_mask: bool = False


VARIANTS = {
    "M": Variant(),
    "S": Variant(sources=("s",)),
    "MS": Variant(sources=(-1, 1, "s")),
    "M avg_reprojection": Variant(average=True),
    "M disable_automasking": Variant(automask=False),
    "M v1_multiscale": Variant(native_scales=True),
    "M no_ssim": Variant(ssim_weight=0),
    "M baseline (v1_multiscale+avg+no automask)": Variant(native_scales=True, average=True, automask=False),
    "M predictive_mask": Variant(automask=False, predictive_mask=True),
}


@pytest.fixture(scope="module")
def batch() -> GoldenBatch:
    return loss_batch()


def motion(batch: GoldenBatch, source: FrameId) -> Tensor:
    if isinstance(source, str):
        return batch.stereo_T_target
    return rigid_transform(batch.axis_angle[source], batch.translation[source], batch.inverted[source])


def upsampled(tensor: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(tensor, like.shape[-2:], mode="bilinear", align_corners=False)


def scale_loss(batch: GoldenBatch, variant: Variant, scale: int) -> tuple[Tensor, Tensor | None]:
    """loss/scale and where the warped sources won."""
    level = scale if variant.native_scales else 0
    target, K = batch.images[0][level], batch.intrinsics[level]
    _, depth = disp_to_depth(upsampled(batch.disparities[scale], target), batch.min_depth, batch.max_depth)
    statistics = target_statistics(target)

    def errors(images: list[Tensor]) -> Tensor:
        weight = variant.ssim_weight
        maps = [photometric_error(i, target, ssim_weight=weight, statistics=statistics) for i in images]
        return torch.cat(maps, dim=1)

    sources = [batch.images[source][level] for source in variant.sources]
    motions = [motion(batch, source) for source in variant.sources]
    warped = errors([warp(s, depth, K, K, T).image for s, T in zip(sources, motions, strict=True)])
    mask = upsampled(batch.predictive_masks[scale], target) if variant.predictive_mask else None
    if mask is not None:
        warped = warped * mask
    unwarped = errors(sources) if variant.automask else None
    combined = combine_reprojection(warped, unwarped, average=variant.average)
    smoothness = edge_aware_smoothness(batch.disparities[scale], batch.images[0][scale])
    loss = combined.mean() + SMOOTHNESS_WEIGHT / 2**scale * smoothness
    return (loss if mask is None else loss + predictive_mask_loss(mask)), combined.warped_wins


@pytest.mark.parametrize("name", VARIANTS)
def test_losses_are_the_references(name: str, batch: GoldenBatch) -> None:
    golden = load_golden()["loss_md2"][name]
    losses, selections = zip(*(scale_loss(batch, VARIANTS[name], scale) for scale in range(4)), strict=True)
    found = {f"loss/{scale}": loss.item() for scale, loss in enumerate(losses)}
    found["loss"] = torch.stack(losses).mean().item()
    if selections[0] is not None:
        found["identity_selection/0 mean"] = selections[0].float().mean().item()
    assert found.keys() == golden.keys()
    for key, value in golden.items():
        assert found[key] == pytest.approx(value, rel=1e-5), key


def test_every_reference_loss_is_compared() -> None:
    assert VARIANTS.keys() == load_golden()["loss_md2"].keys()
