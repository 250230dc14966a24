"""Files of weights: what is in them, and every way in which they can be something else."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import read_safetensors, read_state_dict, read_torch, some, split_state_dict

TENSORS = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "legacy.pth", "w.safetensors"])
def test_tensors_come_back_whatever_the_container(tmp_path: Path, name: str) -> None:
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(TENSORS, tmp_path / name)
    else:
        torch.save(OrderedDict(TENSORS), tmp_path / name, _use_new_zipfile_serialization=name != "legacy.pth")
    tensors, facts = read_state_dict(tmp_path / name)
    assert facts == {} and set(tensors) == set(TENSORS)
    assert all(torch.equal(tensors[key], value) for key, value in TENSORS.items())


def test_facts_of_an_encoder_are_taken_apart(tmp_path: Path) -> None:
    known = {"height": 192, "width": 640, "use_stereo": True, "min_depth_bin": 0.1, "max_depth_bin": 9.0}
    torch.save({**TENSORS, **known}, tmp_path / "encoder.pth")
    tensors, facts = read_state_dict(tmp_path / "encoder.pth")
    assert facts == known and set(tensors) == set(TENSORS)


def test_what_a_training_wraps_around_the_weights_can_be_taken_off(tmp_path: Path) -> None:
    torch.save({"model": TENSORS, "optimizer": {"state": {}, "lr": 1e-4}}, tmp_path / "dpt.pt")
    tensors, _ = split_state_dict(tmp_path / "dpt.pt", read_torch(tmp_path / "dpt.pt")["model"])
    assert set(tensors) == set(TENSORS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (torch.zeros(2), ", found Tensor; choose"),
        ({"model": TENSORS, "lr": 1.0}, r"2 \(model, lr\) is no tensor; choose"),
        ({}, "it is empty; choose"),
        ({"height": 192}, "it is empty; choose"),
    ],
)
def test_other_content_is_named(tmp_path: Path, content: object, said: str) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match=f"w.pth: expected a state dict.*{said}"):
        read_state_dict(tmp_path / "w.pth")


@pytest.mark.parametrize("read", [read_torch, read_safetensors])
def test_a_missing_file_is_named_with_its_neighbours(tmp_path: Path, read: object) -> None:
    for number in range(9):
        (tmp_path / f"file{number}").touch()
    with pytest.raises(UserError, match=r"w.pth: this file is missing, its folder has 9 \(file0, .*file7, \.\.\.\);"):
        read(tmp_path / "w.pth")  # type: ignore[operator]
    with pytest.raises(UserError, match="its folder has none"):
        read(tmp_path / "nowhere" / "w.pth")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04" + bytes(100)])
def test_a_damaged_file_is_named_with_its_size(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    said = rf"{name}: not readable as a file of tensors \({len(content)} bytes; .*copy or download it again"
    with pytest.raises(UserError, match=said) as error:
        read_state_dict(tmp_path / name)
    assert "weights_only" not in str(error.value)


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_code_is_named_and_does_not_run(tmp_path: Path) -> None:
    torch.save({**TENSORS, "x": _Payload(tmp_path / "ran")}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w.pth: .*Python object \(\w+\.mkdir\); it was not loaded"):
        read_torch(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_lists_of_names_are_cut_and_counted() -> None:
    assert some([]) == "none"
    assert some("abc") == "3 (a, b, c)"
    assert some("abcd") == "4 (a, b, c, ...)"
    assert some("abcd", first=1) == "4 (a, ...)"
