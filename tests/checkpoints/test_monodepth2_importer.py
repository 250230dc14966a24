"""Monodepth2's folders: everything read from them, and everything that is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from selfsup_depth.checkpoints import load_checkpoint, load_into
from selfsup_depth.checkpoints.architecture import decoder_scales, resnet_name
from selfsup_depth.errors import UserError
from selfsup_depth.networks import DepthDecoder, PoseDecoder, build_encoder

Write = Callable[..., Path]
ALL = ("encoder", "depth", "pose_encoder", "pose")


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy"])
def test_a_folder_loads_strictly_into_our_networks(
    write_monodepth2: Write, monodepth2_states: dict[str, dict[str, Any]], zip_container: bool
) -> None:
    folder = write_monodepth2(*ALL, full=ALL, zip_container=zip_container)
    (folder / "adam.pth").write_bytes(b"never read")
    checkpoint = load_checkpoint(folder)
    encoder, pose_encoder = build_encoder("resnet18"), build_encoder("resnet18", in_images=2)
    networks = nn.ModuleDict(
        {
            "encoder": encoder,
            "depth": DepthDecoder(encoder.channels),
            "pose_encoder": pose_encoder,
            "pose": PoseDecoder(pose_encoder.channels, 1, 2),
        }
    )
    load_into(networks, checkpoint)
    for name in ALL:
        for key, value in networks[name].state_dict().items():
            assert torch.equal(value, monodepth2_states[name][key]), (name, key)


def test_a_stereo_trained_folder_is_metric(write_monodepth2: Write) -> None:
    meta = load_checkpoint(write_monodepth2(*ALL)).meta
    assert (meta.method, meta.encoder, meta.upsample, meta.scales) == (
        "monodepth2",
        "resnet18",
        "nearest",
        (0, 1, 2, 3),
    )
    assert (meta.height, meta.width, meta.min_depth, meta.max_depth) == (192, 640, 0.1, 100.0)
    assert meta.metres_per_unit == 5.4 and "0.54 m" in meta.scale_source
    assert meta.frame_ids == (0, -1, 1, "s")
    assert meta.epoch == 19
    assert (meta.pose_model_type, meta.pose_encoder) == ("separate_resnet", "resnet18")
    assert (meta.pose_model_input, meta.num_pose_frames) == ("pairs", 2)


def test_a_video_trained_folder_is_up_to_scale(write_monodepth2: Write) -> None:
    meta = load_checkpoint(
        write_monodepth2("encoder", "depth", extras={"height": 320, "width": 1024, "use_stereo": False})
    ).meta
    assert (meta.height, meta.width) == (320, 1024)
    assert meta.metres_per_unit is None and "unknown factor" in meta.scale_source
    assert meta.frame_ids == (0, -1, 1)
    assert meta.pose_model_type is None and meta.pose_encoder is None


def test_stereo_alone_has_no_neighbours(write_monodepth2: Write) -> None:
    assert load_checkpoint(write_monodepth2("encoder", "depth")).meta.frame_ids == (0, "s")


@pytest.mark.parametrize(("content", "kind"), [("posecnn", "posecnn"), ("shared_pose", "shared")])
def test_other_pose_networks_are_known_by_their_keys(
    write_monodepth2: Write, content: str, kind: str
) -> None:
    meta = load_checkpoint(write_monodepth2("encoder", "depth", pose=content)).meta
    assert (meta.pose_model_type, meta.num_pose_frames, meta.pose_encoder) == (kind, 2, None)


def test_a_predictive_mask_is_read(write_monodepth2: Write) -> None:
    checkpoint = load_checkpoint(write_monodepth2("encoder", "depth", predictive_mask="depth"))
    assert set(checkpoint.state_dicts) == {"encoder", "depth", "predictive_mask"}


@pytest.mark.parametrize("beside", [True, False])
def test_the_options_file_says_what_the_weights_cannot(write_monodepth2: Write, beside: bool) -> None:
    folder = write_monodepth2("encoder", "depth", extras={"height": 192, "width": 640, "use_stereo": False})
    options = {"max_depth": 12.0, "min_depth": 0.2, "frame_ids": [0, -2, 2], "pose_model_input": "all"}
    ((folder if beside else folder.parent) / "opt.json").write_text(json.dumps({**options, "height": 999}))
    meta = load_checkpoint(folder).meta
    assert (meta.min_depth, meta.max_depth, meta.frame_ids) == (0.2, 12.0, (0, -2, 2))
    assert meta.height == 192  # the weights' own word counts more
    assert meta.config["pose_model_input"] == "all"


def test_a_broken_options_file_is_named(write_monodepth2: Write) -> None:
    folder = write_monodepth2("encoder", "depth")
    (folder.parent / "opt.json").write_text("{")
    with pytest.raises(UserError, match="opt.json: expected Monodepth2's options"):
        load_checkpoint(folder)


def test_options_of_another_training_are_refused(write_monodepth2: Write) -> None:
    folder = write_monodepth2("encoder", "depth")
    (folder.parent / "opt.json").write_text(json.dumps({"num_layers": 50, "max_depth": 12.0}))
    with pytest.raises(UserError, match="opt.json: tells of a resnet50, but .*encoder.pth is a resnet18: .*move"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_every_resnet_is_recognised(name: str) -> None:
    with torch.device("meta"):
        assert resnet_name(Path("encoder.pth"), build_encoder(name).state_dict()) == name


@pytest.mark.parametrize("scales", [(0,), (3, 1), (0, 1, 2, 3)])
def test_scales_are_read_from_the_decoder(scales: tuple[int, ...]) -> None:
    state = DepthDecoder((64, 64, 128, 256, 512), scales).state_dict()
    assert decoder_scales(Path("depth.pth"), state) == scales


@pytest.mark.parametrize("missing", ["encoder", "depth"])
def test_a_missing_file_is_named_with_what_is_there(write_monodepth2: Write, missing: str) -> None:
    folder = write_monodepth2("encoder", "depth")
    (folder / f"{missing}.pth").unlink()
    with pytest.raises(
        UserError, match=rf"{missing}.pth: this file is missing, .*\.pth.* copy"
    ):
        load_checkpoint(folder)


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_named(write_monodepth2: Write, zip_container: bool, share: float) -> None:
    folder = write_monodepth2("encoder", "depth", full=("depth",), zip_container=zip_container)
    file = folder / "depth.pth"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="depth.pth: not readable .* copy or download it again") as error:
        load_checkpoint(folder)
    assert "weights_only" not in str(error.value)


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zip_container", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("file", ["encoder", "depth", "pose"])
def test_code_in_a_file_is_refused_and_does_not_run(
    write_monodepth2: Write, tmp_path: Path, zip_container: bool, file: str
) -> None:
    folder = write_monodepth2(*ALL)
    content = {"a": torch.zeros(2), "b": _Payload(tmp_path / "ran")}
    torch.save(content, folder / f"{file}.pth", _use_new_zipfile_serialization=zip_container)
    with pytest.raises(
        UserError, match=rf"{file}.pth: .*mkdir.* not loaded, since loading it could run code"
    ) as error:
        load_checkpoint(folder)
    assert "weights_only" not in str(error.value)
    assert not (tmp_path / "ran").exists()
    # the payload is a live one: what is refused here would have run elsewhere
    torch.load(folder / f"{file}.pth", weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("encoder", {"stem.0.weight": torch.zeros(1)}, r"encoder.pth: expected a ResNet.*stem.0.weight"),
        ("encoder", {"height": 192, "bins": 96}, r"encoder.pth: expected a state dict.*1 \(bins\) is no tensor"),
        ("encoder", {"height": 192}, r"encoder.pth: expected a state dict .* it is empty"),
        ("depth", {"net.weight": torch.zeros(1)}, r"depth.pth: expected a depth decoder.*net.weight"),
        ("depth", [torch.zeros(1)], r"depth.pth: expected a state dict, found list"),
        ("pose", {"fc.weight": torch.zeros(1)}, r"pose.pth: expected Monodepth2's pose network.*fc.weight"),
        ("pose_encoder", {"x": torch.zeros(1)}, r"pose_encoder.pth: expected a ResNet"),
    ],
)
def test_another_architecture_is_named(write_monodepth2: Write, file: str, content: Any, said: str) -> None:
    folder = write_monodepth2(*ALL)
    torch.save(content, folder / f"{file}.pth")
    with pytest.raises(UserError, match=said):
        load_checkpoint(folder)


def test_a_folder_that_does_not_say_whether_it_is_metric_is_refused(write_monodepth2: Write) -> None:
    folder = write_monodepth2("encoder", "depth", extras={"height": 192, "width": 640})
    with pytest.raises(UserError, match="encoder.pth: does not say use_stereo.*opt.json"):
        load_checkpoint(folder)
    (folder / "opt.json").write_text(json.dumps({"use_stereo": True}))
    assert load_checkpoint(folder).meta.metres_per_unit == 5.4


def test_training_cannot_be_resumed_from_it(write_monodepth2: Write) -> None:
    with pytest.raises(UserError, match="cannot be resumed.*--load_weights_folder"):
        load_checkpoint(write_monodepth2("encoder", "depth"), with_training_state=True)
