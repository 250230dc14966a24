"""Every option of Monodepth2 trains, alone and in the combinations on which the original fails (A.13, A.19)."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from geometry.se3 import translation_transform
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import STEREO, Batch, View

HEIGHT, WIDTH, BASELINE = 64, 96, 0.54


def make_batch(frame_ids, use_stereo, size=2, seed=0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    camera = [[0.58 * WIDTH, 0, WIDTH / 2], [0, 1.92 * HEIGHT, HEIGHT / 2], [0, 0, 1]]
    intrinsics = torch.tensor(camera).repeat(size, 1, 1)

    def view() -> View:
        image = torch.rand(size, 3, HEIGHT, WIDTH, generator=generator)
        return View(image, image, intrinsics)

    frames = [*frame_ids[1:], *([STEREO] if use_stereo else [])]
    stereo = translation_transform(torch.tensor([[-BASELINE, 0, 0]]).repeat(size, 1)) if use_stereo else None
    return Batch(view(), {frame: view() for frame in frames}, stereo, names=["a"] * size)


def make_method(frame_ids=(0, -1, 1), use_stereo=False, loss=None, **network):
    settings = NetworkConfig(weights_init="scratch", **network)
    unit = BASELINE / 0.1 if use_stereo else None
    return build_method("monodepth2", MethodRequest(settings, loss or LossConfig(), frame_ids, use_stereo, unit))


def assert_learns(method, batch):
    losses = method.losses(batch, torch.Generator().manual_seed(0))
    assert torch.isfinite(losses.total)
    losses.total.backward()
    for name, network in method.networks.items():
        reached = [p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters() if p.requires_grad]
        assert any(reached), f"no gradient reaches {name}"


COMBINATIONS = [
    (frames, stereo, kind, inputs)
    for frames, stereo in [((0, -1, 1), False), ((0, -1, 1), True), ((0, -2, -1, 1, 2), False), ((0, 1), True)]
    for kind, inputs in itertools.product(("separate_resnet", "shared", "posecnn"), ("pairs", "all"))
] + [((0,), True, "separate_resnet", "pairs")]


@pytest.mark.parametrize(("frames", "stereo", "kind", "inputs"), COMBINATIONS)
def test_every_pose_option_trains(frames, stereo, kind, inputs):
    method = make_method(frames, stereo, pose_model_type=kind, pose_model_input=inputs)
    assert_learns(method, make_batch(frames, stereo))


@pytest.mark.parametrize(
    "loss",
    [
        LossConfig(v1_multiscale=True),
        LossConfig(avg_reprojection=True),
        LossConfig(disable_automasking=True),
        LossConfig(no_ssim=True),
        LossConfig(disparity_smoothness=0),
        LossConfig(out_of_view="border"),
        LossConfig(predictive_mask=True, disable_automasking=True),
        LossConfig(predictive_mask=True, disable_automasking=True, v1_multiscale=True),
        LossConfig(v1_multiscale=True, disable_automasking=True, avg_reprojection=True),
    ],
    ids=str,
)
@pytest.mark.parametrize("stereo", [False, True])
def test_every_loss_option_trains(loss, stereo):
    assert_learns(make_method(use_stereo=stereo, loss=loss), make_batch((0, -1, 1), stereo))


def test_predictive_mask_works_with_the_shared_encoder():
    loss = LossConfig(predictive_mask=True, disable_automasking=True)
    assert_learns(make_method(pose_model_type="shared", loss=loss), make_batch((0, -1, 1), False))


@pytest.mark.parametrize("layers", [34, 50])
def test_deeper_encoders_train_with_their_pose_encoder(layers):
    assert_learns(make_method(num_layers=layers), make_batch((0, -1, 1), False))


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "convnext_atto"])
def test_a_timm_backbone_trains(name):
    """convnext has no feature at half size: the decoder must be told the strides."""
    loss = LossConfig(predictive_mask=True, disable_automasking=True)
    assert_learns(make_method(encoder=name, loss=loss), make_batch((0, -1, 1), False))


def test_subsets_of_scales_train():
    losses = make_method(scales=(0, 2)).losses(make_batch((0, -1, 1), False))
    assert sorted(losses.terms) == ["reprojection/0", "reprojection/2", "smoothness/0", "smoothness/2"]


def test_any_batch_size_works_with_the_shared_encoder():
    method = make_method(pose_model_type="shared")
    for size in (1, 3):
        assert torch.isfinite(method.losses(make_batch((0, -1, 1), False, size=size)).total)


def test_networks_have_monodepth2s_names_and_optimiser_order():
    assert list(make_method().networks) == ["encoder", "depth", "pose_encoder", "pose"]
    assert list(make_method((0,), True).networks) == ["encoder", "depth"]
    assert list(make_method(pose_model_type="posecnn").networks) == ["encoder", "depth", "pose"]
    masked = make_method(loss=LossConfig(predictive_mask=True, disable_automasking=True))
    assert list(masked.networks) == ["encoder", "depth", "pose_encoder", "pose", "predictive_mask"]


def test_initial_depth_is_what_the_untrained_network_predicts():
    method = make_method(use_stereo=True, initial_depth=1.5).eval()
    depth = method.predict(make_batch((0,), True).target.image).depth
    metres = 1.5 * BASELINE / 0.1
    assert depth.median().item() == pytest.approx(metres, rel=0.1)


@pytest.mark.parametrize(
    ("stereo", "options", "expected"),
    [(True, {}, 1.5), (False, {}, 0.2), (True, {"min_depth": 2.0}, math.sqrt(200)), (False, {"min_depth": 0.15}, 3.87)],
)
def test_depth_starts_where_the_training_can_see_parallax(stereo, options, expected):
    """With stereo at the usual distance in baselines; from video where an untrained pose network's motions show."""
    method = make_method(use_stereo=stereo, **options).eval()
    depth = method.predict(make_batch((0,), True).target.image).depth / (method.metres_per_unit or 1.0)
    assert depth.median().item() == pytest.approx(expected, rel=0.1)


def test_metres_come_from_the_true_baseline():
    images = make_batch((0,), True).target.image
    one = make_method(use_stereo=True).eval()
    other = make_method(use_stereo=True).eval()
    other.load_state_dict(one.state_dict())
    other.metres_per_unit = 2 * one.metres_per_unit
    assert torch.allclose(other.predict(images).depth, 2 * one.predict(images).depth)
    assert one.predict(images).unit == "metres"
    mono = make_method().eval()
    assert mono.predict(images).unit == "relative (up to scale)"


def test_true_disparity_gives_a_small_loss_and_a_wrong_baseline_a_larger_one():
    """A fronto-parallel textured wall seen by a stereo pair: the loss is lowest at its true depth in metres."""
    depth_m, focal = 8.0, 80.0
    shift = focal * BASELINE / depth_m  # pixels
    columns = torch.arange(WIDTH) + 0.5
    rows = torch.arange(HEIGHT)[:, None] + 0.5

    def texture(x):
        waves = 0.25 * torch.sin(0.7 * x + 0.3 * rows) + 0.2 * torch.sin(0.31 * x - 0.5 * rows)
        return (0.5 + waves).expand(1, 3, -1, -1)

    intrinsics = torch.tensor([[[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]])
    left, right = texture(columns), texture(columns + shift)
    batch = Batch(
        View(left, left, intrinsics), {STEREO: View(right, right, intrinsics)},
        translation_transform(torch.tensor([[-BASELINE, 0, 0]])),
    )  # fmt: skip
    method = make_method((0,), True, loss=LossConfig(disparity_smoothness=0))

    def loss_at(metres: float) -> float:
        unit = metres / method.metres_per_unit
        low, high = 1 / method.max_depth, 1 / method.min_depth
        disp = torch.full((1, 1, HEIGHT, WIDTH), (1 / unit - low) / (high - low))
        return float(method.objective(batch, {0: disp}, method._transforms(batch, {}), tie_break=0.0).total)

    best = min((6.0, 7.0, 7.5, 8.0, 8.5, 9.0, 10.0), key=loss_at)
    assert best == 8.0
    assert loss_at(8.0) < 0.01 < loss_at(7.0)


def test_out_of_view_pixels_teach_nothing_by_default():
    """All sources look past the scene: with `ignore` there is nothing to learn, with `border` there is noise."""
    batch = make_batch((0,), True)
    batch.stereo_T_target[:, 0, 3] = -100.0
    for choice, expected in (("ignore", True), ("border", False)):
        method = make_method((0,), True, loss=LossConfig(out_of_view=choice, disparity_smoothness=0))
        assert (float(method.losses(batch).total.detach()) == 0.0) is expected


def test_stereo_without_its_transform_is_a_programming_error():
    batch = make_batch((0,), True)
    batch.stereo_T_target = None
    with pytest.raises(ValueError, match="stereo_T_target"):
        make_method((0,), True).losses(batch)


def test_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="--method monodepth3 is not known.*perhaps you meant monodepth2"):
        build_method("monodepth3", MethodRequest(NetworkConfig(), LossConfig(), (0, 1), False, None))


def test_posecnn_scales_its_translation_by_the_mean_inverse_depth():
    method = make_method((0, 1), pose_model_type="posecnn")
    batch = make_batch((0, 1), False)
    with torch.no_grad():
        motions = method.motion.predict(method.networks, batch, {})
        depth = torch.full((2, 1, HEIGHT, WIDTH), 4.0)
        transform = method._transforms(batch, motions)(depth)[1]
    assert torch.allclose(transform[:, :3, 3], motions[1].translation / 4.0, atol=1e-8)


def test_pairs_are_shown_in_the_order_of_time_and_inverted():
    method = make_method((0, -1, 1))
    batch = make_batch((0, -1, 1), False)
    motions = method.motion.predict(method.networks.eval(), batch, {})
    assert motions[-1].invert
    assert not motions[1].invert
    swapped = Batch(batch.sources[-1], {1: batch.target})
    backward = make_method((0, 1))
    backward.networks.load_state_dict(method.networks.state_dict())
    forward = backward.motion.predict(backward.networks.eval(), swapped, {})[1]
    product = forward.source_T_target() @ motions[-1].source_T_target()
    assert torch.allclose(product, torch.eye(4).expand(2, 4, 4), atol=1e-6)


def test_bf16_networks_keep_the_loss_in_float32():
    method = make_method()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = method.losses(make_batch((0, -1, 1), False))
    assert all(term.dtype == torch.float32 and math.isfinite(term.item()) for term in losses.terms.values())
    assert losses.maps["depth"].dtype == torch.float32
