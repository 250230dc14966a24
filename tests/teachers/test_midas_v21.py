"""MiDaS v2.1: its key names as described, its quirks, and a file of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import load_teacher
from selfsup_depth.teachers.midas_v21 import ResidualUnit, build_midas_v21
from tests.teachers.teacher_files import write_midas_file


@pytest.fixture(scope="module")
def shapes() -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in build_midas_v21().state_dict().items()}


def test_keys_are_those_of_torchvision_and_of_a_refinenet(shapes: dict[str, list[int]]) -> None:
    shapes = dict(shapes)
    with torch.device("meta"):
        resnext = torchvision.models.resnext101_32x8d().state_dict()
    stem = {"conv1": "pretrained.layer1.0", "bn1": "pretrained.layer1.1", "layer1": "pretrained.layer1.4"}
    for key, value in resnext.items():
        part, rest = key.split(".", 1)
        if part != "fc":
            assert shapes.pop(f"{stem.get(part, f'pretrained.{part}')}.{rest}") == list(value.shape)
    assert shapes.pop("scratch.layer4_rn.weight") == [256, 2048, 3, 3]
    assert shapes.pop("scratch.refinenet4.resConfUnit1.conv1.weight") == [256, 256, 3, 3]
    assert shapes.pop("scratch.output_conv.4.weight") == [1, 32, 1, 1]
    assert len(shapes) == 3 + 4 * 8 - 1 + 5


def test_a_file_of_midas_is_a_relative_teacher(tmp_path: Path, shapes: dict[str, list[int]]) -> None:
    teacher = load_teacher(write_midas_file(tmp_path / "midas_v21_384.pt", shapes), size="native")
    assert (teacher.info.name, teacher.info.kind) == ("midas_v21", "relative_disparity")
    answer = teacher(torch.rand(1, 3, 64, 96))
    assert answer.shape == (1, 1, 64, 96)
    assert torch.isfinite(answer).all() and answer.std() > 0
    uncounted = write_midas_file(tmp_path / "old.pt", shapes, without="num_batches_tracked")
    assert load_teacher(uncounted).policy.short_side == 384


def test_the_load_is_strict(tmp_path: Path, shapes: dict[str, list[int]]) -> None:
    path = write_midas_file(tmp_path / "x.pt", shapes, without="refinenet2.resConfUnit2.conv1.bias")
    with pytest.raises(UserError, match=r"MiDaS v2.1 .* missing 1 \(scratch.refinenet2.resConfUnit2.conv1.bias\)"):
        load_teacher(path)


@pytest.mark.parametrize("rectified", [True, False])
def test_the_shortcut_is_rectified_where_it_was_in_training(rectified: bool) -> None:
    unit = ResidualUnit(256, rectified_shortcut=rectified)
    torch.nn.init.zeros_(unit.conv2.weight)
    torch.nn.init.zeros_(unit.conv2.bias)
    features = torch.randn(1, 256, 4, 4)
    assert torch.equal(unit(features), features.clamp(min=0) if rectified else features)
    assert features.min() < 0  # and the caller's tensor is left as it is


def test_the_large_one_rectifies_its_shortcuts() -> None:
    units = [module for module in build_midas_v21().modules() if isinstance(module, ResidualUnit)]
    assert len(units) == 8 and all(unit.rectified_shortcut for unit in units)
