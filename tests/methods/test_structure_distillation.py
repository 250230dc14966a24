"""The distillation term of the self-supervised method: what it adds, whom it reaches, when it keeps silent."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from geometry.se3 import translation_transform
from selfsup_depth.config import DistillConfig, LossConfig, NetworkConfig
from selfsup_depth.losses import aligned_depth, spatial_loss, statistical_loss
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.methods.structure_distillation import (
    LEAST_EDGE,
    SCALES,
    WEIGHTS,
    StructureDistillation,
    hardly_heard,
)
from selfsup_depth.structures import STEREO, Batch, Losses, View

SIZE = 64
RANGE = {"min_depth": 0.1, "max_depth": 100.0}


def room(seed: int = 0, count: int = 2) -> Tensor:
    """Depth [B, 1, H, W] of a floor that rises and a box on it."""
    rows = torch.linspace(0, 1, SIZE).view(1, 1, -1, 1).expand(count, 1, SIZE, SIZE)
    depth = 2 + 3 * rows.clone()
    generator = torch.Generator().manual_seed(seed)
    for item in depth:
        top, left = torch.randint(8, 30, (2,), generator=generator).tolist()
        item[:, top : top + 20, left : left + 20] = 1.5
    return depth


def as_disp(depth: Tensor) -> Tensor:
    """The sigmoid disparity whose depth that is (A.4)."""
    low, high = 1 / RANGE["max_depth"], 1 / RANGE["min_depth"]
    return (1 / depth - low) / (high - low)


def batch_with(teacher: Tensor | None, step: int = 0) -> Batch:
    count = 2
    image = torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    intrinsics = torch.tensor([[32.0, 0, 32], [0, 32, 32], [0, 0, 1]]).repeat(count, 1, 1)
    view = View(image, image, intrinsics)
    stereo = translation_transform(torch.tensor([[-0.13, 0, 0]]).repeat(count, 1))
    return Batch(view, {STEREO: view}, stereo, teacher=teacher, step=step, names=["a", "b"])


def distillation(quantity: str = "disparity", **options: object) -> StructureDistillation:
    return StructureDistillation(
        DistillConfig(distill="t", **{"distill_warmup": 0} | options),  # type: ignore[arg-type]
        quantity,  # type: ignore[arg-type]
        metres_per_unit=1.312,
        **RANGE,
    )


def terms_of(distill: StructureDistillation, depth: Tensor, batch: Batch) -> Losses:
    losses = Losses(terms={})
    distill(losses, as_disp(depth), batch)
    return losses


@pytest.mark.parametrize(("quantity", "kind"), [("disparity", "inverse"), ("depth", "plain")])
def test_a_teacher_that_agrees_up_to_scale_and_shift_costs_next_to_nothing(quantity: str, kind: str) -> None:
    depth = room()
    told = 300 / depth + 40 if kind == "inverse" else 0.2 * depth + 5
    losses = terms_of(distillation(quantity), depth, batch_with(told))
    assert losses.terms["distill/statistical"].item() == pytest.approx(0, abs=1e-6)
    weights = WEIGHTS["ours"]  # 0.05 of all pixels are never quite certain
    assert losses.terms["distill/spatial"].item() < weights.total * weights.spatial * 0.06
    assert torch.allclose(losses.maps["teacher"], depth, rtol=1e-3)
    assert losses.health["teacher_skipped"] == 0


@pytest.mark.parametrize(
    ("steps", "options", "said"),
    [
        (108, {}, "never heard: this training has 108 steps, .* learn 200 alone .*--distill_warmup 27 "),
        (201, {}, "never heard"),
        (202, {}, "never has its full weight: this training has 202 steps.* --distill_warmup 50 "),
        (400, {}, "never has its full weight"),
        (401, {}, None),
        (3, {"distill_warmup": 2}, "--distill_warmup 0 "),
        (1, {"distill_mode": "paper"}, None),
        (40, {"distill_mode": "paper", "distill_warmup": 20}, "full weight"),
        (5, {"distill": None}, None),
    ],
)
def test_a_training_too_short_for_the_warm_up_is_told_what_fits(steps: int, options: dict, said: str | None) -> None:
    settings = DistillConfig(**{"distill": "t"} | options)
    warning = hardly_heard(settings, steps)
    assert (warning is None) == (said is None)
    if settings.distill is None:
        return
    weights = [distillation(**{"distill_warmup": None} | options)._ramp(step) for step in range(steps)]
    assert (weights[-1] == 1) == (warning is None)
    if warning is not None and said is not None:
        assert re.search(said, warning)
        assert (weights[-1] == 0) == ("never heard" in warning)
        fits = int(warning.partition("give --distill_warmup ")[2].split()[0])
        assert hardly_heard(replace(settings, distill_warmup=fits), steps) is None


@pytest.mark.parametrize("mode", ["paper", "ours"])
def test_terms_are_the_weighted_losses_of_the_aligned_teacher(mode: str) -> None:
    student, truth = room(0), room(5)
    losses = terms_of(distillation(distill_mode=mode), student, batch_with(1 / truth))
    aligned = losses.maps["teacher"]
    everywhere = torch.ones_like(aligned, dtype=torch.bool)
    weights = WEIGHTS[mode]
    statistical = weights.total * statistical_loss(student, aligned, everywhere, scales=SCALES[mode]).mean()
    edges = spatial_loss(student, aligned, everywhere, least_edge=LEAST_EDGE[mode])
    spatial = weights.total * weights.spatial * edges.mean()
    assert torch.allclose(losses.terms["distill/statistical"], statistical, rtol=1e-4)
    assert torch.allclose(losses.terms["distill/spatial"], spatial, rtol=1e-4)


def test_the_published_weights_are_the_published_ones() -> None:
    assert (WEIGHTS["paper"].total, WEIGHTS["paper"].spatial, WEIGHTS["paper"].warmup) == (0.1, 0.1, 0)
    assert (WEIGHTS["repo"].total, WEIGHTS["repo"].spatial, WEIGHTS["repo"].warmup) == (0.05, 0.02, 0)
    assert (SCALES["paper"], LEAST_EDGE["paper"]) == (1, 0.0)


@pytest.mark.parametrize(("mode", "fit"), [("ours", "robust"), ("paper", "least_squares"), ("repo", "least_squares")])
def test_only_our_mode_aligns_robustly(mode: str, fit: str) -> None:
    student, teacher = room(0), 1 / room(0)
    student[:, :, :20] = 9.0  # a third of the student is wrong
    target = terms_of(distillation(distill_mode=mode), student, batch_with(teacher)).maps["teacher"]
    expected = aligned_depth(teacher, student, quantity="disparity", fit=fit, **RANGE)  # type: ignore[arg-type]
    other = aligned_depth(
        teacher, student, quantity="disparity", fit="robust" if fit != "robust" else "least_squares", **RANGE
    )
    assert torch.allclose(target, expected.depth, rtol=1e-5)
    assert not torch.allclose(target, other.depth, rtol=1e-2)


def test_the_published_terms_skip_what_ours_skip() -> None:
    """They are one number for the batch: the image whose teacher is constant must not be in it."""
    student, teacher = room(0), 1 / room(5)
    teacher[1] = 7.0
    student.requires_grad_()
    losses = terms_of(distillation(distill_mode="repo"), student, batch_with(teacher))
    alone = terms_of(distillation(distill_mode="repo"), student[:1].detach(), batch_with(teacher[:1]))
    assert torch.allclose(losses.total, alone.total)
    losses.total.backward()
    assert student.grad is not None
    assert student.grad[1].abs().sum() == 0
    none = terms_of(distillation(distill_mode="repo"), room(0), batch_with(torch.full((2, 1, SIZE, SIZE), 7.0)))
    assert none.total == 0


def test_options_replace_the_weights_and_the_quantile() -> None:
    student, batch = room(0), batch_with(1 / room(5))
    plain = terms_of(distillation(dist_wt=1.0, dist_spatial_wt=1.0), student, batch).terms
    half = terms_of(distillation(dist_wt=0.5, dist_spatial_wt=0.2), student, batch).terms
    assert half["distill/statistical"].item() == pytest.approx(0.5 * plain["distill/statistical"].item(), rel=1e-5)
    assert half["distill/spatial"].item() == pytest.approx(0.1 * plain["distill/spatial"].item(), rel=1e-5)
    other = terms_of(distillation(dist_wt=1.0, dist_spatial_wt=1.0, thre=0.8), student, batch).terms
    assert other["distill/spatial"] != plain["distill/spatial"]


def test_the_teacher_waits_and_then_gains_weight() -> None:
    student, teacher = room(0), 1 / room(5)
    full = terms_of(distillation(distill_warmup=0), student, batch_with(teacher)).total
    late = distillation(distill_warmup=10)
    ramped = [terms_of(late, student, batch_with(teacher, step)).total for step in (0, 10, 15, 20, 99)]
    assert torch.allclose(torch.stack(ramped), full * torch.tensor([0, 0, 0.5, 1, 1]))


@pytest.mark.parametrize(("mode", "waits"), [("ours", True), ("paper", False), ("repo", False)])
def test_by_default_only_our_mode_waits(mode: str, waits: bool) -> None:
    total = terms_of(distillation(distill_mode=mode, distill_warmup=None), room(0), batch_with(1 / room(5), 0)).total
    assert (total == 0) == waits


def test_a_teacher_that_says_nothing_is_skipped_and_counted() -> None:
    student, truth = room(0), room(5)
    teacher = 1 / truth
    teacher[1] = 7.0  # constant: nothing to align
    losses = terms_of(distillation(), student.requires_grad_(), batch_with(teacher))
    assert losses.health["teacher_skipped"] == 0.5
    alone = terms_of(distillation(), student[:1].detach(), batch_with(teacher[:1]))
    assert torch.allclose(losses.total, alone.total)
    losses.total.backward()
    assert student.grad is not None
    assert student.grad[0].abs().sum() > 0
    assert student.grad[1].abs().sum() == 0


def test_no_usable_teacher_at_all_leaves_a_loss_of_zero() -> None:
    student = room(0).requires_grad_()
    losses = terms_of(distillation(), student, batch_with(torch.full((2, 1, SIZE, SIZE), torch.nan)))
    losses.total.backward()
    assert losses.total == 0
    assert losses.health["teacher_skipped"] == 1
    assert student.grad is not None
    assert torch.equal(student.grad, torch.zeros_like(student))


def test_unknown_pixels_change_nothing_elsewhere() -> None:
    student, teacher = room(0), 1 / room(0) + 3
    teacher[:, :, :10] = torch.nan
    losses = terms_of(distillation(), student, batch_with(teacher))
    assert losses.terms["distill/statistical"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("mode", ["ours", "paper", "repo"])
def test_gradient_reaches_the_student_and_not_the_teacher(mode: str) -> None:
    student, teacher = room(0).requires_grad_(), (1 / room(5)).requires_grad_()
    terms = terms_of(distillation(distill_mode=mode), student, batch_with(teacher)).terms
    for name in ("distill/statistical", "distill/spatial"):
        (gradient,) = torch.autograd.grad(terms[name], student, retain_graph=True)
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() > 0
    assert terms["distill/spatial"].requires_grad
    assert torch.autograd.grad(sum(terms.values()), teacher, allow_unused=True) == (None,)


def test_a_batch_without_a_teacher_gets_no_terms() -> None:
    assert terms_of(distillation(), room(), batch_with(None)).terms == {}


def method_with(distill: DistillConfig) -> torch.nn.Module:
    torch.manual_seed(0)
    network = NetworkConfig(weights_init="scratch")
    return build_method("monodepth2", MethodRequest(network, LossConfig(), (0,), True, 1.312, distill))


def test_the_method_adds_the_terms_to_those_it_had() -> None:
    plain, taught = method_with(DistillConfig()), method_with(DistillConfig(distill="t"))
    batch = batch_with(1 / room())
    without = plain.losses(batch, torch.Generator().manual_seed(0))
    with_teacher = taught.losses(batch, torch.Generator().manual_seed(0))
    added = {"distill/statistical", "distill/spatial"}
    assert set(with_teacher.terms) == set(without.terms) | added
    for name, term in without.terms.items():
        assert torch.equal(term, with_teacher.terms[name])
    assert "distill/spatial" not in taught.losses(replace(batch, teacher=None)).terms
    assert set(taught.networks) == {"encoder", "depth"}


def test_the_pose_network_may_have_other_layers_than_the_depth_network() -> None:
    network = NetworkConfig(weights_init="scratch", num_layers=34, pose_num_layers=18)
    method = build_method("monodepth2", MethodRequest(network, LossConfig(), (0, 1), False, None))
    assert method.networks["encoder"].channels == (64, 64, 128, 256, 512)
    assert len(method.networks["pose_encoder"].state_dict()) < len(method.networks["encoder"].state_dict())
