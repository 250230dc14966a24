"""The pass, its gradient and what is compiled of it equal the published way of computing the same loss."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from seen_scene import seen_batch
from torch import Tensor

from benchmarks.plain import PlainObjective
from selfsup_depth.config import LossConfig
from selfsup_depth.methods.photometric_objective import PhotometricObjective
from selfsup_depth.photometric_pass import differentiable
from selfsup_depth.structures import FrameId

RANGE = {"min_depth": 0.1, "max_depth": 100.0}
OPTIONS = [
    {},
    {"out_of_view": "border"},
    {"avg_reprojection": True},
    {"avg_reprojection": True, "out_of_view": "border"},
    {"no_ssim": True},
    {"disable_automasking": True},
    {"disable_automasking": True, "avg_reprojection": True},
]
Objective = Callable[[dict[int, Tensor], dict[FrameId, Tensor]], Tensor]


def loss_and_gradients(
    objective: Objective, disps: dict[int, Tensor], motions: dict[FrameId, Tensor]
) -> tuple[Tensor, list[Tensor]]:
    leaves = [x.clone().requires_grad_() for x in (*disps.values(), *motions.values())]
    loss = objective(dict(zip(disps, leaves, strict=False)), dict(zip(motions, leaves[len(disps) :], strict=True)))
    loss.backward()
    return loss.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


def both_ways(
    options: dict, dtype: torch.dtype, *, compiled: bool = False, size: tuple[int, int] = (48, 80)
) -> tuple[tuple[Tensor, list[Tensor]], tuple[Tensor, list[Tensor]]]:
    batch, motions, disps = seen_batch(*size, dtype=dtype)
    plain = PlainObjective(LossConfig(**options), **RANGE)
    ours = PhotometricObjective(LossConfig(**options), compiled=compiled, **RANGE)
    return (
        loss_and_gradients(lambda d, t: plain(batch, d, lambda _: t, None), disps, motions),
        loss_and_gradients(lambda d, t: ours(batch, d, lambda _: t, tie_break=0.0).total, disps, motions),
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_in_float64_loss_and_gradients_agree_to_1e_10(options: dict) -> None:
    (plain_loss, plain), (our_loss, ours) = both_ways(options, torch.float64)
    assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-10)
    assert len(plain) == len(ours) == 7
    for expected, found in zip(plain, ours, strict=True):
        assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()
        assert expected.abs().max() > 0


@pytest.mark.parametrize("compiled", [False, True])
def test_so_they_do_where_a_batch_goes_through_as_a_whole(monkeypatch, compiled) -> None:
    """As on a GPU; a CPU takes one image after the other."""
    monkeypatch.setattr(differentiable, "_parts", lambda scene: [(slice(None), scene)])
    (plain_loss, plain), (our_loss, ours) = both_ways({}, torch.float64, compiled=compiled, size=(32, 48))
    assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-10)
    for expected, found in zip(plain, ours, strict=True):
        assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_in_float32_the_loss_agrees_to_1e_5(options: dict) -> None:
    (plain_loss, plain), (our_loss, ours) = both_ways(options, torch.float32)
    assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-5)
    for expected, found in zip(plain[:4], ours[:4], strict=True):  # a minimum flips in a few pixels: by median
        assert ((found - expected).abs() / expected.abs().max()).median() < 5e-6


def test_ours_is_the_nearer_of_the_two_to_float64() -> None:
    """SSIM subtracts the middle before squaring; the plain formula cancels digits."""
    (exact, _), _ = both_ways({}, torch.float64)
    (plain, _), (ours, _) = both_ways({}, torch.float32)
    assert abs(ours.item() - exact.item()) <= abs(plain.item() - exact.item()) + 1e-9


@pytest.mark.parametrize("options", [{}, {"avg_reprojection": True, "disable_automasking": True}], ids=str)
def test_compiled_it_is_the_same(options: dict) -> None:
    (plain_loss, plain), (our_loss, ours) = both_ways(options, torch.float64, compiled=True, size=(32, 48))
    assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-10)
    for expected, found in zip(plain, ours, strict=True):
        assert (found - expected).abs().max() <= 1e-10 * expected.abs().max()
