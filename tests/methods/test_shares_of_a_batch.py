"""What several processes rely on: the terms of a batch from those of its parts, and a gradient for every parameter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from selfsup_depth.config import DistillConfig, LossConfig, NetworkConfig
from selfsup_depth.methods import METHODS, MethodRequest, build_method
from selfsup_depth.structures import Batch, Losses, Method, View
from tests.methods.test_monodepth2 import BASELINE, HEIGHT, WIDTH, make_batch

NETWORK = NetworkConfig(weights_init="scratch", encoder="mobilenetv3_small_050", pose_model_type="posecnn")
#: without auto-masking there is no noise that breaks ties
STILL = LossConfig(disable_automasking=True)


def make(
    loss: LossConfig = STILL, distill: str | None = None, name: str = "monodepth2", frames: tuple[int, ...] = (0,)
) -> Method:
    torch.manual_seed(0)
    taught = DistillConfig(distill="t", distill_warmup=0, distill_mode=distill) if distill else DistillConfig()  # type: ignore[arg-type]
    return build_method(name, MethodRequest(NETWORK, loss, frames, True, BASELINE / 0.1, taught))


def batch(with_teacher: bool = False) -> Batch:
    """Three samples; few pixels of the last one are seen by the other camera. Its teacher's map is constant."""
    whole = make_batch((0,), True, size=3)
    whole.stereo_T_target[2, 0, 3] *= 8
    if with_teacher:
        whole.teacher = torch.rand(3, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
        whole.teacher[2] = 1.0
    return whole


def part(whole: Batch, rows: slice) -> Batch:
    def cut(view: View) -> View:
        return View(view.image[rows], view.network_image[rows], view.intrinsics[rows])

    return replace(
        whole,
        target=cut(whole.target),
        sources={frame: cut(view) for frame, view in whole.sources.items()},
        stereo_T_target=whole.stereo_T_target[rows],
        teacher=None if whole.teacher is None else whole.teacher[rows],
    )


@pytest.mark.parametrize(
    ("loss", "distill"),
    [
        (STILL, None),
        (replace(STILL, avg_reprojection=True), None),
        (replace(STILL, v1_multiscale=True), None),
        (replace(STILL, out_of_view="border"), None),
        (replace(STILL, predictive_mask=True), None),
        (STILL, "paper"),
        (STILL, "ours"),
    ],
    ids=str,
)
def test_the_terms_of_a_batch_are_weighted_means_of_those_of_its_parts(loss, distill):
    method = make(loss, distill).eval()  # batch norms see the batch they are given
    whole = batch(with_teacher=distill is not None)
    parts = [method.losses(part(whole, rows)) for rows in (slice(0, 2), slice(2, 3))]
    samples = (2, 1)
    expected = method.losses(whole)
    assert set(expected.counts) < set(expected.terms)
    total = torch.zeros(())
    for name, term in expected.terms.items():
        counts = [losses.counts.get(name, torch.tensor(count)) for losses, count in zip(parts, samples, strict=True)]
        assert sum(counts) == expected.counts.get(name, 3)
        together = sum(p.terms[name] * count for p, count in zip(parts, counts, strict=True)) / sum(counts)
        assert float(together) == pytest.approx(float(term), rel=1e-6, abs=1e-9), name
        total = total + together
    assert gradient(method, total) == pytest.approx(gradient(method, expected.total), rel=1e-4)
    if loss.out_of_view == "ignore":  # else plain means would do
        plain = sum(p.terms["reprojection/0"] * count for p, count in zip(parts, samples, strict=True)) / 3
        assert float(plain) != pytest.approx(float(expected.terms["reprojection/0"]), rel=1e-4)


def gradient(method: Method, loss: torch.Tensor) -> float:
    """A number that depends on the whole gradient."""
    parameters = [p for p in method.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters)
    return float(sum((g * torch.linspace(0.5, 1.5, g.numel(), dtype=g.dtype).view(g.shape)).sum() for g in found))


@pytest.mark.parametrize("name", METHODS)
def test_every_parameter_that_is_trained_has_a_gradient_unless_the_method_says_otherwise(name):
    """One that waits for a gradient that never comes stops several processes."""
    method = make(name=name, frames=(0, -1, 1))
    losses: Losses = method.losses(make_batch((0, -1, 1), True))
    losses.total.backward()
    waiting = [name for name, p in method.named_parameters() if p.requires_grad and p.grad is None]
    assert not waiting or method.leaves_parameters_unused
