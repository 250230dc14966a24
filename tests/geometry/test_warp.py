"""The one lookup: exact where nothing moves or whole pixels do, honest about validity, consistent under a flip."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from geometry.camera import flip_intrinsics, intrinsics_matrix, resize_intrinsics
from geometry.grid import pixel_grid
from geometry.se3 import mirror_transform, rigid_transform, translation_transform
from geometry.warp import prepare_for_sampling, sample, warp

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SIZES = [(2, 3), (3, 2), (1, 1), (6, 8), (17, 31), (64, 96), (191, 639), (192, 640), (320, 1024), (375, 1242)]


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def camera(height: int, width: int, batch: int = 1) -> Tensor:
    """Odd numbers, so that nothing is exact by luck; a different camera for each image."""
    matrices = [
        intrinsics_matrix(0.5787 * width + k, 1.9171 * height, 0.4931 * width, 0.5173 * height + 0.01 * k)
        for k in range(batch)
    ]
    return torch.stack(matrices)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_identity_is_exact_on_noise(height: int, width: int, device: str) -> None:
    source, K = noise(2, 3, height, width).to(device), camera(height, width, 2).to(device)
    depth = 0.1 + 90 * noise(2, 1, height, width, seed=1).to(device)
    still = torch.zeros(2, 3, device=device)
    warped = warp(source, depth, K, K, rigid_transform(still, still))
    assert (warped.image - source).abs().max() < 1e-6
    assert warped.valid.all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("height", "width"), [s for s in SIZES if min(s) > 1])
@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_one_pixel_shift_is_exact_on_noise(height: int, width: int, right: int, down: int, device: str) -> None:
    source, K = noise(1, 3, height, width), camera(height, width)
    depth = torch.full((1, 1, height, width), 7.3)
    motion = translation_transform(torch.stack([right * 7.3 / K[:, 0, 0], down * 7.3 / K[:, 1, 1], 0 * K[:, 0, 0]], -1))
    source, K, depth, motion = (t.to(device) for t in (source, K, depth, motion))
    warped = warp(source, depth, K, K, motion)
    expected = source.roll((-down, -right), dims=(2, 3))
    assert (warped.image - expected)[warped.valid.expand_as(expected)].abs().max() < 1e-6
    inside = torch.ones(1, 1, height, width, device=device, dtype=torch.bool)
    for dim, step in ((2, down), (3, right)):
        if step:
            inside.select(dim, -1 if step > 0 else 0).fill_(False)
    assert torch.equal(warped.valid, inside)


def test_outside_the_border_is_repeated() -> None:
    source, K = noise(1, 3, 5, 7), camera(5, 7)
    motion = translation_transform(torch.stack([100.0 / K[:, 0, 0], 0 * K[:, 0, 0], 0 * K[:, 0, 0]], -1))
    warped = warp(source, torch.ones(1, 1, 5, 7), K, K, motion)
    torch.testing.assert_close(warped.image, source[..., -1:].expand_as(source), rtol=0, atol=1e-6)
    assert not warped.valid.any()


@settings(deadline=None, max_examples=40)
@given(st.floats(0.3, 60.0), st.sampled_from([-0.1, 0.1]), st.integers(2, 33), st.integers(2, 21))
def test_stereo_shift_is_minus_fx_times_baseline_over_depth(depth: float, t_x: float, width: int, height: int) -> None:
    K = camera(height, width).double()
    motion = translation_transform(torch.tensor([[t_x, 0.0, 0.0]], dtype=torch.float64))
    warped = warp(
        noise(1, 1, height, width, dtype=torch.float64),
        torch.full((1, 1, height, width), depth, dtype=torch.float64),
        K,
        K,
        motion,
    )
    shift = warped.pixels[0] - pixel_grid(height, width, dtype=torch.float64)
    expected = (K[0, 0, 0] * t_x / depth).expand(height, width)
    torch.testing.assert_close(shift[0], expected, rtol=0, atol=1e-10)
    assert (shift[1] == 0).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_flipping_everything_flips_the_warp(batch: int, height: int, width: int, seed: int) -> None:
    source = noise(batch, 3, height, width, seed=seed, dtype=torch.float64)
    depth = 1 + noise(batch, 1, height, width, seed=seed + 1, dtype=torch.float64)
    target_K = camera(height, width, batch).double()
    source_K = resize_intrinsics(target_K, 1.01, 0.98)
    motion = rigid_transform(*(0.2 * noise(2, batch, 3, seed=seed + 2, dtype=torch.float64) - 0.1))
    warped = warp(source, depth, target_K, source_K, motion)
    flipped = warp(
        source.flip(-1),
        depth.flip(-1),
        flip_intrinsics(target_K, width),
        flip_intrinsics(source_K, width),
        mirror_transform(motion),
    )
    torch.testing.assert_close(flipped.image, warped.image.flip(-1), rtol=0, atol=1e-9)
    assert torch.equal(flipped.valid, warped.valid.flip(-1))


def test_a_flipped_stereo_sample_needs_the_other_sign() -> None:
    height, width = 6, 40
    left, K = noise(1, 3, height, width, dtype=torch.float64), camera(height, width).double()
    depth = torch.full((1, 1, height, width), 0.7, dtype=torch.float64)
    to_right = translation_transform(torch.tensor([[-0.1, 0.0, 0.0]], dtype=torch.float64))
    to_left = translation_transform(torch.tensor([[0.1, 0.0, 0.0]], dtype=torch.float64))
    warped = warp(left, depth, K, K, to_right).image
    flipped_K = flip_intrinsics(K, width)
    torch.testing.assert_close(warp(left.flip(-1), depth, flipped_K, flipped_K, to_left).image, warped.flip(-1))
    wrong = warp(left.flip(-1), depth, flipped_K, flipped_K, to_right).image
    assert (wrong - warped.flip(-1)).abs().mean() > 0.1


def test_source_of_another_size() -> None:
    """A source twice as fine, of a linear ramp: exact by bilinear lookup away from the border."""
    height, width = 6, 9
    K = camera(height, width)
    u, v = pixel_grid(2 * height, 2 * width)
    ramp = (0.02 * u + 0.03 * v)[None, None]
    motion = translation_transform(torch.tensor([[0.1, -0.05, 0.0]]))
    warped = warp(ramp, torch.full((1, 1, height, width), 2.0), K, resize_intrinsics(K, 2.0, 2.0), motion)
    u, v = pixel_grid(height, width)
    expected = 0.02 * 2 * (u + K[0, 0, 0] * 0.05) + 0.03 * 2 * (v - K[0, 1, 1] * 0.025)
    interior = (warped.pixels > 0.5).all(1) & (warped.pixels[:, 0] < 2 * width - 0.5)
    interior &= warped.pixels[:, 1] < 2 * height - 0.5
    assert interior.sum() > 20
    torch.testing.assert_close(warped.image[:, 0][interior], expected[None][interior], rtol=0, atol=2e-6)
    assert warped.valid[:, 0][interior].all()


def test_points_behind_either_camera_and_without_depth_are_invalid() -> None:
    K = camera(4, 5)
    depth = torch.tensor([2.0, 0.5, 0.0, -1.0, float("nan")]).expand(1, 1, 4, 5)
    warped = warp(noise(1, 3, 4, 5), depth, K, K, translation_transform(torch.tensor([[0.0, 0.0, -1.0]])))
    assert warped.valid[0, 0, :, 1:].logical_not().all()
    moved_back = warp(noise(1, 3, 4, 5), depth, K, K, translation_transform(torch.tensor([[0.0, 0.0, 9.0]])))
    assert moved_back.valid[0, 0].tolist() == [[True, True, False, False, False]] * 4
    infinite = warp(noise(1, 3, 4, 5), torch.full((1, 1, 4, 5), torch.inf), K, K, torch.eye(4)[None])
    assert not infinite.valid.any()


def test_behind_the_camera_is_invalid_even_on_the_optical_axis() -> None:
    K = intrinsics_matrix(5.0, 5.0, 2.5, 1.5)[None]
    back = translation_transform(torch.tensor([[0.0, 0.0, -3.0]]))
    warped = warp(noise(1, 3, 3, 5), torch.full((1, 1, 3, 5), 2.0), K, K, back)
    assert warped.pixels[0, :, 1, 2].tolist() == [2.5, 1.5]  # the axis: no pixel of its own, so the same
    assert not warped.valid.any()


def test_a_point_in_the_plane_of_the_camera_leaves_everything_finite() -> None:
    K, depth = camera(3, 5), torch.ones(1, 1, 3, 5, requires_grad=True)
    t = torch.tensor([[0.0, 0.0, -1.0]], requires_grad=True)
    warped = warp(noise(1, 3, 3, 5), depth, K, K, translation_transform(t))
    assert warped.pixels.isfinite().all()
    warped.image.sum().backward()
    assert depth.grad is not None and depth.grad.isfinite().all()
    assert t.grad is not None and t.grad.isfinite().all()


def test_zeros_padding_fades_within_a_pixel() -> None:
    image = torch.ones(1, 1, 3, 5)  # 5 is filled up to 8, 3 to 4
    u = torch.tensor([-1.0, -0.5, 0.0, 0.5, 4.5, 5.0, 5.5, 6.0])
    pixels = torch.stack([u, torch.full_like(u, 1.5)])[None, :, None]
    faded = sample(image, pixels, padding="zeros").flatten()
    torch.testing.assert_close(faded, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0]))
    assert sample(image, pixels).flatten().tolist() == [1.0] * 8


def test_sample_is_bilinear() -> None:
    image = torch.tensor([[0.0, 1.0, 2.0], [10.0, 11.0, 12.0], [20.0, 21.0, 22.0]])[None, None]
    pixels = torch.tensor([[1.75, 0.5], [2.0, 2.0]]).T.reshape(1, 2, 1, 2)
    torch.testing.assert_close(sample(image, pixels).flatten(), torch.tensor([1.25, 16.5]))


def test_border_padding_gives_no_gradient_outside() -> None:
    """On every side alike, the filled ones included; at the very edge there is nothing to interpolate with."""
    pixels = torch.tensor([[-3.0, 2.0], [0.4, 2.0], [4.6, 2.0], [9.0, 2.0], [2.0, -1.0], [2.0, 3.4]]).T
    pixels = pixels.reshape(1, 2, 1, 6).clone().requires_grad_()
    sample(noise(1, 1, 3, 5), pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad[0, 0, 0, :4].tolist() == [0.0] * 4
    assert pixels.grad[0, 1, 0, 4:].tolist() == [0.0] * 2


def test_a_prepared_image_gives_the_same() -> None:
    image, pixels = noise(2, 3, 6, 9), 10 * noise(2, 2, 4, 4, seed=1)
    for padding in ("border", "zeros"):
        prepared = prepare_for_sampling(image, padding)
        assert torch.equal(sample(prepared, pixels, padding), sample(image, pixels, padding))
    K, depth, T = camera(6, 9, 2), 1 + noise(2, 1, 6, 9), torch.eye(4).expand(2, 4, 4)
    by_image, by_prepared = warp(image, depth, K, K, T), warp(prepare_for_sampling(image), depth, K, K, T)
    assert torch.equal(by_image.image, by_prepared.image)
    assert torch.equal(by_image.valid, by_prepared.valid)


def test_unknown_and_contradicting_padding_are_refused() -> None:
    image, pixels = noise(1, 1, 2, 2), torch.ones(1, 2, 1, 1)
    with pytest.raises(ValueError, match="padding must be one of \\['border', 'zeros'\\], but is 'reflection'"):
        sample(image, pixels, padding="reflection")
    with pytest.raises(ValueError, match="prepared with padding 'zeros', but 'border' is asked for"):
        sample(prepare_for_sampling(image, "zeros"), pixels)


def test_gradients_to_source_depth_cameras_and_motion() -> None:
    source = noise(2, 2, 5, 6, dtype=torch.float64).requires_grad_()
    depth = (2 + noise(2, 1, 3, 4, seed=1, dtype=torch.float64)).requires_grad_()
    target_K = camera(3, 4, 2).double().requires_grad_()
    source_K = camera(5, 6, 2).double().requires_grad_()
    v, t = (0.1 * noise(2, 2, 3, seed=2, dtype=torch.float64)).unbind()
    motion = (v.clone().requires_grad_(), t.clone().requires_grad_())

    def image(source: Tensor, depth: Tensor, target_K: Tensor, source_K: Tensor, v: Tensor, t: Tensor) -> Tensor:
        return warp(source, depth, target_K, source_K, rigid_transform(v, t)).image

    assert torch.autograd.gradcheck(image, (source, depth, target_K, source_K, *motion))


def test_no_motion_at_all_still_teaches_the_pose() -> None:
    """Training starts here: the pose network's first output is nearly zero."""
    v, t = torch.zeros(1, 3, requires_grad=True), torch.zeros(1, 3, requires_grad=True)
    depth = (1 + noise(1, 1, 6, 8)).requires_grad_()
    K = camera(6, 8)
    warped = warp(noise(1, 3, 6, 8), depth, K, K, rigid_transform(v, t)).image
    (warped - noise(1, 3, 6, 8, seed=3)).square().sum().backward()
    for tensor in (v, t):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all() and (tensor.grad != 0).all()
    assert depth.grad is not None and depth.grad.isfinite().all()
