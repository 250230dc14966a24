"""MiDaS v2.1: its key names as described, its quirks, and a file of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import load_teacher
from selfsup_depth.teachers.midas_v21 import _ResidualUnit, build_midas_v21
from tests.teachers.teacher_files import random_state


@pytest.fixture(scope="module")
def shapes() -> dict[str, list[int]]:
    return {key: list(value.shape) for key, value in build_midas_v21().state_dict().items()}


def _write(path: Path, shapes: dict[str, list[int]], without: str = "nothing") -> str:
    state = random_state({key: shape for key, shape in shapes.items() if without not in key})
    ones = {key: torch.ones(shapes[key]) for key in state if "running_var" in key}
    torch.save({**state, **ones}, path)
    return str(path)


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
    teacher = load_teacher(_write(tmp_path / "midas_v21_384.pt", shapes), size="native")
    assert (teacher.info.name, teacher.info.kind) == ("midas_v21", "relative_disparity")
    answer = teacher(torch.rand(1, 3, 64, 96))
    assert answer.shape == (1, 1, 64, 96)
    assert torch.isfinite(answer).all() and answer.std() > 0
    uncounted = _write(tmp_path / "old.pt", shapes, without="num_batches_tracked")
    assert load_teacher(uncounted).policy.short_side == 384


def test_the_load_is_strict(tmp_path: Path, shapes: dict[str, list[int]]) -> None:
    path = _write(tmp_path / "x.pt", shapes, without="refinenet2.resConfUnit2.conv1.bias")
    with pytest.raises(UserError, match=r"MiDaS v2.1 .* missing 1 \(scratch.refinenet2.resConfUnit2.conv1.bias\)"):
        load_teacher(path)


def test_the_shortcut_is_rectified() -> None:
    unit = _ResidualUnit()
    torch.nn.init.zeros_(unit.conv2.weight)
    torch.nn.init.zeros_(unit.conv2.bias)
    features = torch.randn(1, 256, 4, 4)
    assert torch.equal(unit(features), features.clamp(min=0))
    assert features.min() < 0  # and the caller's tensor is left as it is
