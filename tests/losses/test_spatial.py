"""The comparison of edges is alive where the published one is dead, and is its definition."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from depth_maps import depths, everywhere, noise
from torch import Tensor

from selfsup_depth.losses import (
    repo_spatial_loss,
    repo_statistical_loss,
    spatial_loss,
)
from selfsup_depth.losses.edges import gradient_magnitude


def boxes() -> Tensor:
    """Nine boxes 0.5 to 1.5 m away before a slope from 2 to 5 m, [1, 1, 256, 256]: 7 % of the pixels see an edge."""
    depth = (2 + 3 * torch.linspace(0, 1, 256))[:, None].repeat(1, 256)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    for place, box in enumerate(torch.linspace(0.5, 1.5, 9)[order]):
        top, left = 17 + 85 * (place // 3), 17 + 85 * (place % 3)
        depth[top : top + 50, left : left + 50] = box
    return depth[None, None]


def students() -> dict[str, Tensor]:
    scene = boxes()
    return {
        "identical": scene,
        "scaled and shifted": 2 * scene + 1,
        "blurred": F.avg_pool2d(F.pad(scene, (4, 4, 4, 4), mode="replicate"), 9, 1),
        "moved": scene.roll(6, -1),
        "noise": 3 + 0.5 * noise(1, 1, 256, 256, dtype=torch.float32),
        "ramp": (2 + 3 * torch.linspace(0, 1, 256)).expand(1, 1, 256, 256),
    }


def value_and_slope(loss, student: Tensor, *others: Tensor) -> tuple[float, float]:
    """A loss, and the largest derivative in a pixel."""
    student = student.clone().requires_grad_()
    value = loss(student, *others).sum()
    value.backward()
    assert student.grad is not None
    return value.item(), student.grad.abs().max().item()


MEASURED = {
    "identical": 0.049,
    "scaled and shifted": 0.049,
    "moved": 0.097,
    "blurred": 0.120,
    "noise": 0.171,
    "ramp": 0.499,
}


def test_spatial_loss_orders_students_and_moves_them_where_the_published_one_is_dead() -> None:
    scene = boxes()
    ours = {name: value_and_slope(spatial_loss, depth, scene, everywhere(scene)) for name, depth in students().items()}
    published = {name: value_and_slope(repo_spatial_loss, depth, scene) for name, depth in students().items()}
    assert {name: value for name, (value, _) in ours.items()} == pytest.approx(MEASURED, abs=0.0015)
    assert ours["identical"][0] == pytest.approx(ours["scaled and shifted"][0], rel=1e-4)
    for name in ("blurred", "noise", "ramp"):
        assert 1e-4 < ours[name][1] < 1e-2, name
    for name, (value, slope) in published.items():
        assert 0.02 * value == pytest.approx(0.0096, abs=0.00015), name  # its published weight is 0.02
        assert 0.02 * slope < 1e-6, name
        assert ours[name][1] > 1000 * 0.02 * slope, name


def test_descent_sharpens_a_blurred_student() -> None:
    scene = boxes()[..., :128, :128]
    blurred = students()["blurred"][..., :128, :128]
    start = spatial_loss(blurred, scene, everywhere(scene)).item()
    perfect = spatial_loss(scene, scene, everywhere(scene)).item()
    for loss, remains in (
        (lambda depth: spatial_loss(depth, scene, everywhere(scene)).sum(), 0.5),
        (lambda depth: 0.02 * repo_spatial_loss(depth, scene), None),
    ):
        student = blurred.clone().requires_grad_()
        for _ in range(30):
            (slope,) = torch.autograd.grad(loss(student), student)
            student = (student - 20 * slope).detach().requires_grad_()
        end = spatial_loss(student, scene, everywhere(scene)).item()
        if remains is None:
            assert end == pytest.approx(start, rel=0.01)
        else:
            assert end - perfect < remains * (start - perfect)


def written_out_spatial_loss(student: Tensor, target: Tensor) -> Tensor:
    """One image, in the words of the definition."""
    inner = slice(5, -5)
    g, h = (gradient_magnitude(depth)[0, 0, inner, inner] for depth in (student, target))
    q = g.quantile(0.95)
    soft = 0.5 * (1 + F.softsign((g - q) / (0.1 * q)))
    return (soft - (h > h.quantile(0.95)).to(soft.dtype)).abs().mean()


def test_spatial_loss_is_its_definition() -> None:
    student, target = depths(2, 3, 1, 30, 40)
    pairs = zip(student.split(1), target.split(1), strict=True)
    expected = torch.stack([written_out_spatial_loss(*pair) for pair in pairs])
    torch.testing.assert_close(spatial_loss(student, target, everywhere(target)), expected, rtol=1e-4, atol=0)


def test_a_hole_is_no_edge() -> None:
    student, target = depths(2, 1, 1, 30, 40)
    valid = everywhere(target)
    valid[..., 12:15, 20:24] = False
    g, h = (gradient_magnitude(depth)[..., 5:-5, 5:-5] for depth in (student, target))
    apart = everywhere(g)
    apart[..., 6:11, 14:20] = False  # the hole and one pixel around it
    q = g[apart].quantile(0.95)
    soft = 0.5 * (1 + F.softsign((g[apart] - q) / (0.1 * q)))
    expected = (soft - (h[apart] > h[apart].quantile(0.95)).to(soft.dtype)).abs().mean()
    torch.testing.assert_close(spatial_loss(student, target, valid), expected[None], rtol=1e-4, atol=0)


def test_thresholds_are_per_image_where_the_published_one_is_of_the_batch() -> None:
    scene = boxes()
    other = torch.cat((scene, 30 * scene))
    ours = spatial_loss(other, torch.cat((scene, scene)), everywhere(other))
    torch.testing.assert_close(ours[0], ours[1], rtol=1e-4, atol=0)
    # normalised gradients hide a scale from the published threshold, but not how the edges are spread
    flat = (2 + 3 * torch.linspace(0, 1, 256)).expand(1, 1, 256, 256)
    together = repo_spatial_loss(torch.cat((scene, flat)), torch.cat((scene, scene)))
    alone = torch.stack((repo_spatial_loss(scene, scene), repo_spatial_loss(flat, scene))).mean()
    assert (together - alone).abs() > 1e-3


def test_edges_outside_the_border_do_not_count() -> None:
    student, target = depths(2, 1, 1, 40, 40)
    framed = student.clone()
    framed[..., :4, :] *= 3
    framed[..., -4:] *= 3
    valid = everywhere(target)
    inside, whole = ([spatial_loss(depth, target, valid, border=b) for depth in (framed, student)] for b in (5, 0))
    torch.testing.assert_close(inside[0], inside[1], rtol=1e-4, atol=0)
    assert whole[0] != whole[1]


def test_a_scene_with_fewer_edges_than_the_quantile_and_a_flat_one() -> None:
    target = torch.full((1, 1, 64, 64), 4.0)
    target[..., 20:30, 20:30] = 2.0
    valid = everywhere(target)
    value, slope = value_and_slope(spatial_loss, target, target, valid)
    assert 0 < value < 0.05 and slope < 1  # quantile 0: the least edge stands in
    flat = torch.full_like(target, 3.0)
    value, slope = value_and_slope(spatial_loss, flat, target, valid)
    assert 0 < value < 0.1 and slope == 0
    noise_of_rounding = flat * (1 + 1e-7 * noise(1, 1, 64, 64, dtype=torch.float32))
    assert spatial_loss(flat, noise_of_rounding, valid).item() == pytest.approx(0.5 - 5 / 11, abs=1e-4)  # no edges


def test_a_flatter_student_is_no_better_and_the_gradient_knows_it() -> None:
    """Along the height of the student's structure the loss does not change; with a fixed threshold it seemed to."""
    student, target = students()["noise"].double(), boxes().double()
    height = torch.ones((), dtype=torch.float64, requires_grad=True)
    middle = student.mean()
    value = spatial_loss(middle + height * (student - middle), target, everywhere(target)).sum()
    (slope,) = torch.autograd.grad(value, height)
    assert abs(slope) < 1e-5
    lower = spatial_loss(middle + 0.5 * (student - middle), target, everywhere(target)).sum()
    assert lower.item() == pytest.approx(value.item(), rel=1e-4)


def test_the_thresholds_slope_is_spread_over_the_image() -> None:
    """The quantile's own derivative would gather the force of all pixels in the one that makes it."""
    student, target = depths(1, 1, 64, 64, seed=1).requires_grad_(), depths(1, 1, 64, 64, seed=2)
    (slope,) = torch.autograd.grad(spatial_loss(student, target, everywhere(target)).sum(), student)
    assert slope.abs().max() < 0.05 * slope.abs().sum()


# as published


def written_out_repo_spatial_loss(student: Tensor, target: Tensor) -> Tensor:
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64) / 8
    kernels = torch.stack((kernel, kernel.T))[:, None]
    maps = []
    for depth in (student, target):
        slopes = F.conv2d(F.pad(depth, (1, 1, 1, 1), mode="replicate"), kernels)
        magnitude = (slopes.square().sum(1) + 1e-6).sqrt()
        magnitude = magnitude / magnitude.square().sum((1, 2), keepdim=True).sqrt()
        maps.append(magnitude[:, 5:-5, 5:-5])
    edges = torch.stack([image > image.quantile(0.95) for image in maps[1]])
    x = maps[0] - maps[0].detach().quantile(0.95)
    error = (1 - x / (1 + x.abs()))[edges].abs()
    return torch.where(error < 0.8, 0.5 * error**2, 0.8 * (error - 0.4)).mean()


def test_repo_spatial_loss_is_the_published_one() -> None:
    student, target = depths(2, 3, 1, 30, 40)
    student[1] = 3 + 0.1 * student[1] ** 2
    slopes = []
    for loss in (repo_spatial_loss, written_out_repo_spatial_loss):
        leaf = student.clone().requires_grad_()
        value = loss(leaf, target)
        value.backward()
        slopes.append((value.detach(), leaf.grad))
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-6, atol=1e-12)


def test_repo_losses_give_the_teacher_no_gradient_and_survive_a_flat_one() -> None:
    student, target = (depth.requires_grad_() for depth in depths(2, 2, 1, 20, 20).unbind())
    (repo_spatial_loss(student, target) + repo_statistical_loss(student, target)).backward()
    assert target.grad is None
    assert student.grad is not None and (student.grad != 0).any()
    assert repo_spatial_loss(student, torch.ones_like(target)).item() == 0


def test_the_least_edge_calms_a_nearly_flat_student_and_leaves_real_edges_alone() -> None:
    scene = boxes()
    generator = torch.Generator().manual_seed(0)
    flat = 2 + 1e-4 * torch.rand(scene.shape, generator=generator)

    def slope(student: Tensor, least_edge: float) -> float:
        return value_and_slope(
            lambda s, t, v: spatial_loss(s, t, v, least_edge=least_edge), student, scene, everywhere(scene)
        )[1]

    assert slope(flat, 0.0) > 10 * slope(students()["noise"], 0.0)
    assert slope(flat, 0.01) < 0.01 * slope(flat, 0.0)
    for name in ("identical", "moved"):  # thresholds above the floor: nothing changes
        assert slope(students()[name], 0.01) == slope(students()[name], 0.0)
