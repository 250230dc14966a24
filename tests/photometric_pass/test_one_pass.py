"""What one pass counts, who wins a pixel, and what must not break it."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from seen_scene import seen_batch
from torch import Tensor

from geometry.projection import PixelMotion, pixel_motion
from geometry.warp import warp
from selfsup_depth.photometric_pass import PassSettings, PhotometricPass, Scene, prepare_scene
from selfsup_depth.photometric_pass.lookup import cells, look_up
from selfsup_depth.photometric_pass.one_pass import over_sources


def scene_of(batch: object, unwarped: Tensor | None = None) -> Scene:
    scene = prepare_scene(batch.target.image, [view.image for view in batch.sources.values()])
    return scene if unwarped is None else scene.with_unwarped(unwarped)


def motions_of(batch: object, transforms: dict) -> PixelMotion:
    K = batch.target.intrinsics
    each = [pixel_motion(K, view.intrinsics, transforms[frame]) for frame, view in batch.sources.items()]
    return PixelMotion(*(torch.stack(part) for part in zip(*each, strict=True)))


def rows(*sources: list[float]) -> Tensor:
    """Errors [N, 1, 1, W] of sources given as rows of pixels."""
    return torch.tensor(sources)[:, None, None]


def test_gradients_are_those_of_finite_differences() -> None:
    batch, transforms, _ = seen_batch(6, 8)
    generator = torch.Generator().manual_seed(1)
    depth = (2 + torch.rand(2, 1, 6, 8, generator=generator, dtype=torch.float64)).requires_grad_()
    D, e = (part.detach().requires_grad_() for part in motions_of(batch, transforms))
    mask = (0.5 + 0.5 * torch.rand(3, 2, 6, 8, generator=generator, dtype=torch.float64)).requires_grad_()
    for settings in (PassSettings(), PassSettings(average=True), PassSettings(ssim_weight=0, ignore_out_of_view=False)):
        compare = PhotometricPass(settings)

        def loss(*inputs: Tensor, compare: PhotometricPass = compare) -> Tensor:
            depth, D, e, mask = inputs
            return compare(depth, PixelMotion(D, e), scene_of(batch), mask).loss

        assert torch.autograd.gradcheck(loss, (depth, D, e, mask), eps=1e-7, atol=1e-5)


def test_lookups_are_those_of_grid_sample_and_exact_on_whole_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 7, 9, generator=generator)
    u, v = 14 * torch.rand(2, 1, 1, 5, 6, generator=generator) - 3
    value, _, _ = look_up(image.flatten(2), cells(u, v, 7, 9))
    grid = torch.stack([u / 9 * 2 - 1, v / 7 * 2 - 1], dim=-1)[0]
    expected = torch.nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-6)
    v, u = torch.meshgrid(torch.arange(7) + 0.5, torch.arange(9) + 0.5, indexing="ij")
    assert torch.equal(look_up(image.flatten(2), cells(u[None, None], v[None, None], 7, 9))[0], image)


def test_pixels_that_are_no_numbers_read_nothing_outside() -> None:
    u = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30]).view(1, 1, 1, 4)
    at = cells(u, u, 4, 5)
    assert at.index.min() >= 0 and at.index.max() + 5 + 1 < 20
    assert look_up(torch.ones(1, 1, 20), at)[0].eq(1).all()


def test_parts_of_a_batch_do_not_see_each_other() -> None:
    batch, transforms, disps = seen_batch(16, 24, dtype=torch.float32)
    compare, depth, motion = PhotometricPass(PassSettings()), 1 / disps[0], motions_of(batch, transforms)
    together = compare(depth, motion, scene_of(batch))
    for index in range(2):
        one = slice(index, index + 1)
        alone = scene_of(batch).image(index)
        found = compare(depth[one], PixelMotion(motion.D[:, one], motion.e[:, one]), alone)
        assert torch.equal(found.loss, together.loss[one]) and torch.equal(found.counted, together.counted[one])


def test_it_is_compiled_for_more_sizes_than_torch_allows_by_itself(monkeypatch) -> None:
    """With a backend that only traces: producing code for ten sizes takes minutes."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled, usual = PhotometricPass(PassSettings(), compiled=True), PhotometricPass(PassSettings())
    for width in range(20, 40, 2):
        scene = scene_of(seen_batch(16, width, dtype=torch.float32)[0])
        torch.testing.assert_close(compiled.unwarped(scene), usual.unwarped(scene))


def test_counts_the_pixels_that_some_source_sees() -> None:
    batch, transforms, disps = seen_batch(16, 24, dtype=torch.float32)
    depth = 1 / disps[0]
    found = PhotometricPass(PassSettings())(depth, motions_of(batch, transforms), scene_of(batch))
    K = batch.target.intrinsics
    seen = [warp(v.image, depth, K, v.intrinsics, transforms[f]).valid for f, v in batch.sources.items()]
    assert found.counted.tolist() == torch.cat(seen, 1).any(1).sum((1, 2)).tolist()
    assert found.counted.max() <= 16 * 24


def test_nothing_in_view_is_no_loss_and_no_gradient() -> None:
    batch, transforms, disps = seen_batch(16, 24, dtype=torch.float32)
    depth = (1 / disps[0]).requires_grad_()
    behind = {frame: torch.diag(torch.tensor([1.0, -1, -1, 1])).repeat(2, 1, 1) for frame in transforms}
    for average in (False, True):
        settings = PassSettings(average=average)
        found = PhotometricPass(settings)(depth, motions_of(batch, behind), scene_of(batch, torch.zeros(2, 16, 24)))
        assert found.loss.eq(0).all() and found.counted.eq(0).all() and not found.warped_wins.any()
        (gradient,) = torch.autograd.grad(found.loss.sum(), depth)
        assert gradient.eq(0).all()


def test_minimum_average_and_shares() -> None:
    errors, everywhere = rows([0.1, 0.5, 0.3], [0.2, 0.4, 0.3]), torch.ones(2, 1, 1, 3, dtype=torch.bool)
    least, counted, share = over_sources(errors, everywhere, False)
    assert torch.equal(least, torch.tensor([[[0.1, 0.4, 0.3]]])) and counted.all()
    assert torch.equal(share, rows([1.0, 0.0, 0.5], [0.0, 1.0, 0.5]))  # who ties exactly shares
    mean, counted, share = over_sources(errors, everywhere, True)
    torch.testing.assert_close(mean, torch.tensor([[[0.15, 0.45, 0.3]]]))
    assert counted.all() and share.eq(0.5).all()


@pytest.mark.parametrize("average", [False, True])
def test_sources_out_of_view_take_no_part(average: bool) -> None:
    in_view = torch.tensor([[False, True, False], [True, True, False]])[:, None, None]
    combined, counted, share = over_sources(rows([0.1, 0.5, 9.0], [0.3, 0.4, 9.0]), in_view, average)
    assert counted.tolist() == [[[True, True, False]]]
    assert combined[0, 0, 0].item() == pytest.approx(0.3)
    assert combined[0, 0, 1].item() == pytest.approx(0.45 if average else 0.4)
    assert share[:, 0, 0, 0].tolist() == [0, 1]


def test_exact_ties_go_to_the_unwarped_source() -> None:
    batch, _, disps = seen_batch(16, 24, dtype=torch.float32)
    still = {frame: torch.eye(4).repeat(2, 1, 1) for frame in batch.sources}
    compare, scene = PhotometricPass(PassSettings()), scene_of(batch)
    unwarped = compare.unwarped(scene).amin(0)
    found = compare(1 / disps[0], motions_of(batch, still), scene.with_unwarped(unwarped))
    assert not found.warped_wins.any()
    found = compare(1 / disps[0], motions_of(batch, still), scene.with_unwarped(unwarped + 1e-3))
    assert found.warped_wins.all()


def test_a_network_that_says_no_number_is_heard() -> None:
    batch, transforms, disps = seen_batch(16, 24, dtype=torch.float32)
    depth = (1 / disps[0]).clone()
    depth[0, 0, 5, 5] = float("nan")
    depth.requires_grad_()
    found = PhotometricPass(PassSettings())(depth, motions_of(batch, transforms), scene_of(batch))
    (gradient,) = torch.autograd.grad(found.loss.sum(), depth)
    assert not gradient[0].isfinite().all() or not found.loss[0].isfinite()
    assert gradient[1].isfinite().all() and found.loss[1].isfinite()
