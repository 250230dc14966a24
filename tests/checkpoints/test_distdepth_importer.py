"""DistDepth's folders: the same files and keys as Monodepth2's, with another decoder and another unit."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import golden_inputs
import pytest
import torch
from torch import Tensor

from geometry.depth import depth_to_disp, disp_to_depth
from selfsup_depth.checkpoints import load_checkpoint, load_into
from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.networks import DepthDecoder
from selfsup_depth.predictor import DepthPredictor

Write = Callable[..., Path]
GOLDEN = golden_inputs.load_golden()["net_dist"]
R152 = {"encoder": "distdepth.resnet152.encoder", "depth": "distdepth.resnet152.depth"}
POSE = {"pose_encoder": "distdepth.resnet50.pose_encoder_3frames", "pose": "distdepth.resnet50.pose"}
R18 = {"encoder": "monodepth2.resnet18.encoder", "depth": "monodepth2.resnet18.depth"}
R18_POSE = {"pose_encoder": "monodepth2.resnet18.pose_encoder", "pose": "monodepth2.resnet18.pose"}
R50 = {"encoder": "monodepth2.resnet50.encoder", "depth": "monodepth2.resnet50.depth"}
R50_POSE = {"pose_encoder": "monodepth2.resnet50.pose_encoder", "pose": "monodepth2.resnet50.pose"}
R152_SHARED = {**R152, "pose": "monodepth2.resnet18.pose_shared_pairs"}  # without an encoder of its own
SQUARE = {"height": 256, "width": 256}
MD2_OPTIONS = {"avg_reprojection": False, "v1_multiscale": False}


@pytest.fixture(scope="module")
def golden_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The published R152 networks for 64x64, depth weights by the golden rule; 280 MB, so it goes at once."""
    folder = tmp_path_factory.mktemp("distdepth")
    shapes = golden_inputs.load_state_dict_keys()
    for name, network in {**R152, **POSE}.items():
        state: dict[str, Any] = {key: torch.zeros(()).expand(shape) for key, shape in shapes[network].items()}
        if name in R152:
            state = golden_inputs.deterministic_state_dict(state)
        if name == "encoder":
            state |= {"height": 64, "width": 64, "use_stereo": True}
        torch.save(state, folder / f"{name}.pth")
    yield folder
    shutil.rmtree(folder)


def _disp(folder: Path, weights_format: str | None) -> Tensor:
    """What the sigmoid said, from the depth in metres that the predictor returns."""
    predictor = DepthPredictor.load(folder, "cpu", weights_format)
    depth = predictor.predict(golden_inputs.img(1, 3, 64, 64)).depth
    meta = predictor.meta
    assert meta.metres_per_unit is not None
    return depth_to_disp(depth / meta.metres_per_unit, meta.min_depth, meta.max_depth)


def test_pointing_at_the_folder_gives_the_reference_depth_and_nearest_does_not(golden_folder: Path) -> None:
    expected = GOLDEN["distdepth r152 out (bilinear decoder)"]["0"]
    assert expected["mean"] == pytest.approx(0.3509527, abs=1e-6)
    disp = _disp(golden_folder, None)
    golden_inputs.assert_stats(disp, expected, rtol=1e-4)
    wrong = _disp(golden_folder, "monodepth2")
    assert (wrong - disp).abs().mean() > 0.05  # the mean over the image hides it: 0.352 instead of 0.351
    assert wrong.std() - disp.std() > 0.03


def test_metres_are_the_published_ones(write_original: Write) -> None:
    meta = load_checkpoint(write_original(**R152, **POSE, **SQUARE)).meta
    assert meta.metres_per_unit == 1.312
    _, depth = disp_to_depth(torch.tensor([0.0, 0.5, 1.0]), meta.min_depth, meta.max_depth)
    expected = torch.tensor(GOLDEN["output_to_depth [0,.5,1] .1 10"])
    torch.testing.assert_close(depth * meta.metres_per_unit, expected, rtol=1e-6, atol=0)


def test_what_the_checkpoint_says_of_itself(write_original: Write) -> None:
    meta = load_checkpoint(write_original(**R152, **POSE, **SQUARE)).meta
    assert (meta.encoder, meta.upsample, meta.scales) == ("resnet152", "bilinear", (0, 1, 2, 3))
    assert (meta.height, meta.width, meta.min_depth, meta.max_depth) == (256, 256, 0.1, 10.0)
    assert (meta.pose_model_type, meta.pose_encoder) == ("separate_resnet", "resnet50")
    assert (meta.pose_model_input, meta.num_pose_frames, meta.frame_ids) == ("all", 3, (0, -1, 1, "s"))
    assert meta.library_version == "none (written by DistDepth)" and meta.epoch == 9
    assert "0.1312 m" in meta.scale_source and "1.312 m" in meta.scale_source
    assert meta.origin == (
        "read as a checkpoint of DistDepth: its pose encoder is a resnet50 beside a resnet152 for depth"
    )


def test_the_options_file_says_the_depth_range(write_original: Write) -> None:
    options = {"num_layers": 152, "dist_wt": 0.05, "min_depth": 0.2, "max_depth": 12.0, "frame_ids": [0]}
    meta = load_checkpoint(write_original(**R152, **SQUARE, options=options)).meta
    assert (meta.min_depth, meta.max_depth, meta.frame_ids) == (0.2, 12.0, (0, "s"))


def test_trained_on_video_alone_it_is_up_to_scale(write_original: Write) -> None:
    meta = load_checkpoint(write_original(**R152, **POSE, **SQUARE, use_stereo=False)).meta
    assert meta.metres_per_unit is None and "DistDepth on video alone" in meta.scale_source


def test_all_its_networks_load_strictly_into_a_method(write_original: Write) -> None:
    checkpoint = load_checkpoint(write_original(**R152, **POSE, **SQUARE))
    network = NetworkConfig(
        num_layers=152, pose_num_layers=50, upsample="bilinear", pose_model_input="all", weights_init="scratch"
    )
    request = MethodRequest(network, LossConfig(), (0, -1, 1), use_stereo=True, metres_per_unit=1.312)
    method = build_method("monodepth2", request)
    load_into(method.networks, checkpoint)
    assert set(method.networks) == set(checkpoint.state_dicts)
    for name, state in checkpoint.state_dicts.items():
        assert list(method.networks[name].state_dict()) == list(state)
        assert all(not parameter.any() for parameter in method.networks[name].parameters())


def test_a_decoder_that_upsamples_otherwise_is_refused_though_every_key_fits(write_original: Write) -> None:
    checkpoint = load_checkpoint(write_original(**R152, **POSE, **SQUARE))
    depth = DepthDecoder((64, 256, 512, 1024, 2048))
    before = {key: value.clone() for key, value in depth.state_dict().items()}
    said = r"depth: its features are upsampled bilinear in the checkpoint and nearest here \(--upsample decides that\)"
    with pytest.raises(UserError, match=said):
        load_into({"depth": depth}, checkpoint)
    assert all(torch.equal(value, before[key]) for key, value in depth.state_dict().items())


@pytest.mark.parametrize(
    ("folder", "owner", "why"),
    [
        ({**R152, **POSE}, "DistDepth", "pose encoder is a resnet50 beside a resnet152"),
        ({**R18, **POSE}, "DistDepth", "pose encoder is a resnet50 beside a resnet18"),
        ({**R152, **SQUARE}, "DistDepth", "resnet152 for images of 256x256"),
        ({**R18, "options": {"dist_wt": 0.05}}, "DistDepth", "opt.json has DistDepth's option dist_wt"),
        ({**R18, "options": {"thre": 0.95}}, "DistDepth", "opt.json has DistDepth's option thre"),
        ({**R152, **SQUARE, "options": MD2_OPTIONS}, "Monodepth2", "opt.json has Monodepth2's option"),
        ({**R152_SHARED, **SQUARE}, "Monodepth2", "nothing in it speaks for DistDepth"),
        ({**R152, "height": 256}, "Monodepth2", "nothing in it speaks for DistDepth"),
        ({**R18, **SQUARE}, "Monodepth2", "nothing in it speaks for DistDepth.*--weights_format distdepth"),
        ({**R18, **R18_POSE}, "Monodepth2", "nothing in it speaks for DistDepth"),
        ({**R50, **R50_POSE}, "Monodepth2", "nothing in it speaks for DistDepth"),
    ],
)
def test_whose_a_folder_is_is_seen_and_said(write_original: Write, folder: Any, owner: str, why: str) -> None:
    meta = load_checkpoint(write_original(**folder)).meta
    assert meta.library_version == f"none (written by {owner})"
    assert meta.upsample == {"DistDepth": "bilinear", "Monodepth2": "nearest"}[owner]
    assert meta.origin is not None
    assert f"a checkpoint of {owner}" in meta.origin
    assert re.search(why, meta.origin)


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ({**R50, **R18_POSE}, "neither of them puts a resnet18 for poses beside a resnet50 for depth"),
        ({**R152, **POSE, "options": MD2_OPTIONS}, "for Monodepth2 speaks that opt.json .* and for DistDepth speaks"),
    ],
)
def test_a_folder_that_cannot_be_told_is_refused_until_it_is_named(
    write_original: Write, folder: Any, why: str
) -> None:
    path = write_original(**folder)
    with pytest.raises(UserError, match=f"weights_9: cannot be told .*{why}.*--weights_format monodepth2 or distdepth"):
        load_checkpoint(path)
    assert load_checkpoint(path, format="monodepth2").meta.upsample == "nearest"
    assert load_checkpoint(path, format="distdepth").meta.upsample == "bilinear"


def test_what_is_named_wins_and_doubts_are_said(write_original: Write) -> None:
    path = write_original(**R152, **POSE, **SQUARE)
    meta = load_checkpoint(path, format="monodepth2").meta
    assert (meta.upsample, meta.metres_per_unit, meta.max_depth) == ("nearest", 5.4, 100.0)
    assert meta.origin == (
        "read as a checkpoint of Monodepth2, as asked for, although it looks like one of DistDepth (its pose encoder "
        "is a resnet50 beside a resnet152 for depth)"
    )
    assert load_checkpoint(path, format="distdepth").meta.origin == "read as a checkpoint of DistDepth, as asked for"


@pytest.mark.parametrize(
    ("encoder", "owner"),
    [
        ("distdepth-m.resnet101.encoder@256x256x96", "DistDepth-M"),
        ("manydepth.resnet50.encoder@192x640x96", "ManyDepth"),
    ],
)
@pytest.mark.parametrize("format", [None, "distdepth"])
def test_multi_frame_networks_are_known_and_refused(
    write_original: Write, encoder: str, owner: str, format: str | None
) -> None:
    folder = write_original(encoder=encoder, depth=R50["depth"])
    with pytest.raises(UserError, match=f"encoder.pth: this is {owner}'s multi-frame .* not supported yet"):
        load_checkpoint(folder, format=format)


def test_what_manydepth_writes_beside_its_weights_gives_it_away(write_original: Write) -> None:
    folder = write_original(**R18)
    state = torch.load(folder / "encoder.pth") | {"min_depth_bin": 0.1, "max_depth_bin": 10.0}
    torch.save(state, folder / "encoder.pth")
    with pytest.raises(UserError, match="ManyDepth's multi-frame"):
        load_checkpoint(folder)
