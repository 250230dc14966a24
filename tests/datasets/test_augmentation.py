"""Flip and jitter: one draw for all frames, geometry mirrored with the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import translation_transform
from geometry.warp import warp
from selfsup_depth.datasets.augmentation import RawBatch, augment, collate, draw_augmentation
from selfsup_depth.structures import Augmentation, Sample

JITTER = Augmentation(jitter=(1.15, 0.85, 1.2, 0.08), jitter_order=(2, 0, 3, 1))
HEIGHT, WIDTH = 12, 40
PLAIN = Augmentation()


def make_sample(augmentation: Augmentation = PLAIN, frame_ids=(0, -1, 1, "s"), **fields) -> Sample:
    images = torch.from_numpy(
        np.random.default_rng(3).integers(0, 256, (len(frame_ids), 3, HEIGHT, WIDTH), dtype=np.uint8)
    )
    K = intrinsics_matrix(30.0, 31.0, 17.0, 5.0).expand(len(frame_ids), 3, 3).clone()
    given = {"images": images, "intrinsics": K, "stereo_T_target": torch.eye(4) if "s" in frame_ids else None}
    return Sample(frame_ids=frame_ids, augmentation=augmentation, **(given | fields))


# --- drawing


def test_draws_are_repeatable_and_differ_by_each_key():
    drawn = {
        key: draw_augmentation(*key, jitter_probability=1.0) for key in [(1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4)]
    }
    assert draw_augmentation(1, 2, 3, jitter_probability=1.0) == drawn[1, 2, 3]
    assert len({each.jitter for each in drawn.values()}) == 4


def test_probabilities_ranges_and_orders():
    drawn = [draw_augmentation(0, 0, index) for index in range(2000)]
    flips = np.array([each.flip for each in drawn])
    jittered = np.array([each.jitter is not None for each in drawn])
    assert abs(flips.mean() - 0.5) < 0.04
    assert abs(jittered.mean() - 0.5) < 0.04
    assert abs((flips & jittered).mean() - 0.25) < 0.04  # independent of each other
    factors = np.array([each.jitter for each in drawn if each.jitter is not None])
    low, high = factors.min(0), factors.max(0)
    assert ((low > [0.8, 0.8, 0.8, -0.1]) & (low < [0.81, 0.81, 0.81, -0.095])).all()
    assert ((high < [1.2, 1.2, 1.2, 0.1]) & (high > [1.19, 1.19, 1.19, 0.095])).all()
    assert np.abs(np.corrcoef(factors.T) - np.eye(4)).max() < 0.1
    assert len({each.jitter_order for each in drawn if each.jitter is not None}) == 24


def test_probabilities_can_be_set():
    never = [draw_augmentation(0, 0, i, flip_probability=0, jitter_probability=0) for i in range(20)]
    always = [draw_augmentation(0, 0, i, flip_probability=1, jitter_probability=1) for i in range(20)]
    assert set(never) == {Augmentation()}
    assert all(each.flip and each.jitter is not None for each in always)


# --- jitter


def test_all_frames_of_a_sample_get_the_same_jitter():
    colour = torch.tensor([200, 90, 40], dtype=torch.uint8)[:, None, None]
    images = colour.expand(4, 3, HEIGHT, WIDTH).clone()
    batch = augment(collate([make_sample(JITTER, images=images), make_sample(Augmentation(), images=images)]))
    target, before, after, stereo = batch.target, batch.sources[-1], batch.sources[1], batch.sources["s"]
    assert torch.equal(target.network_image, before.network_image)
    assert torch.equal(target.network_image, after.network_image)
    assert not torch.allclose(target.network_image[0], target.image[0], atol=0.02)
    assert torch.equal(target.network_image[1], target.image[1])  # not drawn: equal
    assert stereo.network_image is stereo.image  # no network looks at it


def test_losses_see_the_recorded_colours():
    raw = collate([make_sample(JITTER), make_sample(JITTER)])
    batch = augment(raw)
    for i, view in enumerate([batch.target, *batch.sources.values()]):
        assert torch.equal(view.image, raw.images[i].float() / 255)


def test_no_copy_where_nothing_is_drawn():
    batch = augment(collate([make_sample(), make_sample(Augmentation(flip=True))]))
    for view in [batch.target, *batch.sources.values()]:
        assert view.network_image is view.image


# --- flip


def texture(u: Tensor, v: Tensor) -> Tensor:
    """Smooth colours [3, H, W] in 0..255 of a wall, in pixels of a fronto-parallel camera."""
    waves = [torch.sin(0.31 * u + k + 0.2 * v) + torch.cos(0.17 * u - 0.4 * v + 2 * k) for k in range(3)]
    return 127.5 + 60.0 * torch.stack(waves)


def rendered_pair(flip: bool) -> tuple[Sample, Tensor]:
    """A wall at 5 m seen by two cameras with different centres: exact up to rounding to uint8."""
    baseline, depth, height, width = 0.5, 5.0, 32, 96
    left = intrinsics_matrix(60.0, 62.0, 41.0, 14.0)
    right = intrinsics_matrix(60.0, 62.0, 52.0, 14.0)
    v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    shift = 60.0 * baseline / depth - (52.0 - 41.0)  # of a pixel of the left image, to the left in the right one
    images = torch.stack([texture(u, v), texture(u + shift, v)]).round().to(torch.uint8)
    sample = Sample(
        frame_ids=(0, "s"),
        images=images,
        intrinsics=torch.stack([left, right]),
        stereo_T_target=translation_transform(torch.tensor([-baseline, 0.0, 0.0])),
        depth=torch.full((1, height, width), depth),
        augmentation=Augmentation(flip=flip),
    )
    return sample, torch.full((1, 1, height, width), depth)


def warp_error(batch, depth: Tensor, stereo_T_target: Tensor) -> float:
    source = batch.sources["s"]
    warped = warp(source.image, depth, batch.target.intrinsics, source.intrinsics, stereo_T_target)
    assert warped.valid.float().mean() > 0.8
    return float((warped.image - batch.target.image).abs().mean(1, keepdim=True)[warped.valid].mean())


@pytest.mark.parametrize("flip", [False, True])
def test_a_flipped_sample_warps_as_well_as_the_recorded_one(flip: bool):
    sample, depth = rendered_pair(flip)
    batch = augment(collate([sample]))
    assert warp_error(batch, depth, batch.stereo_T_target) < 0.006  # rounding to uint8 and bilinear lookup
    backwards = translation_transform(-batch.stereo_T_target[:, :3, 3])
    assert warp_error(batch, depth, backwards) > 0.05


def test_the_warp_of_the_flip_is_the_flip_of_the_warp():
    views = {}
    for flip in (False, True):
        sample, depth = rendered_pair(flip)
        batch = augment(collate([sample]))
        source = batch.sources["s"]
        views[flip] = warp(source.image, depth, batch.target.intrinsics, source.intrinsics, batch.stereo_T_target)
    assert torch.allclose(views[True].image, views[False].image.flip(-1), atol=1e-4)


def test_a_flip_mirrors_images_centre_motion_and_depth_of_the_drawn_samples_only():
    depth = torch.arange(6.0).reshape(1, 2, 3)
    motion = translation_transform(torch.tensor([-0.5, 0.1, 0.2]))
    plain = make_sample(Augmentation(), depth=depth, stereo_T_target=motion)
    flipped = make_sample(Augmentation(flip=True), depth=depth, stereo_T_target=motion)
    batch = augment(collate([plain, flipped]))
    assert torch.equal(batch.target.image[1], batch.target.image[0].flip(-1))
    assert batch.target.intrinsics[:, 0, 2].tolist() == [17.0, WIDTH - 17.0]
    assert batch.sources["s"].intrinsics[:, 0, 2].tolist() == [17.0, WIDTH - 17.0]
    assert torch.allclose(batch.stereo_T_target[:, :3, 3], torch.tensor([[-0.5, 0.1, 0.2], [0.5, 0.1, 0.2]]))
    assert torch.equal(batch.depth[0], depth)
    assert torch.equal(batch.depth[1], depth.flip(-1))


# --- batches


def test_collate_keeps_frames_contiguous_and_depths_of_different_sizes():
    samples = [make_sample(depth=torch.ones(1, 4, 5), index=8, name="a"), make_sample(depth=torch.ones(1, 6, 7))]
    raw = collate(samples)
    assert raw.images.shape == (4, 2, 3, HEIGHT, WIDTH)
    assert raw.images.dtype == torch.uint8
    assert all(frame.is_contiguous() for frame in raw.images)
    batch = augment(raw)
    assert [tuple(depth.shape) for depth in batch.depth] == [(1, 4, 5), (1, 6, 7)]
    assert (batch.indices, batch.names) == ([8, 0], ["a", ""])
    assert list(batch.sources) == [-1, 1, "s"]
    assert batch.target.image.dtype == torch.float32
    assert batch.stereo_T_target.shape == (2, 4, 4)


def test_monocular_batches_have_no_stereo_transform_and_no_depth():
    batch = augment(collate([make_sample(Augmentation(flip=True), frame_ids=(0, -1))]))
    assert (batch.stereo_T_target, batch.depth) == (None, None)


def tensors(raw: RawBatch) -> list[Tensor]:
    of_jitter = [raw.jitter.rows, raw.jitter.before, raw.jitter.after, raw.jitter.turns]
    return [raw.images, raw.intrinsics, raw.flip, raw.stereo_T_target, *raw.depth, *of_jitter]


def test_every_tensor_moves_to_the_device():
    raw = collate([make_sample(JITTER, depth=torch.ones(1, 4, 5))]).to("meta")
    assert all(tensor.device.type == "meta" for tensor in tensors(raw))


def test_every_tensor_is_pinned(monkeypatch):
    pinned: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    raw = collate([make_sample(JITTER, depth=torch.ones(1, 4, 5))])
    raw.pin_memory()
    assert {id(tensor) for tensor in pinned} == {id(tensor) for tensor in tensors(raw)}
