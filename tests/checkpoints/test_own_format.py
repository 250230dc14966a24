"""A saved checkpoint comes back as it was, from one folder that says what it is."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into, save_checkpoint
from selfsup_depth.errors import UserError

Make = Callable[..., CheckpointMeta]


def test_round_trip(tmp_path: Path, networks: nn.ModuleDict, make_meta: Make) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(step=7))
    checkpoint = load_checkpoint(tmp_path / "last")
    assert checkpoint.meta == make_meta(step=7)
    assert list(checkpoint.state_dicts) == ["encoder", "depth", "pose"]
    assert checkpoint.training_state is None
    for name, network in networks.items():
        stored = checkpoint.state_dicts[name]
        assert set(stored) == set(network.state_dict())
        for key, value in network.state_dict().items():
            assert torch.equal(stored[key], value) and stored[key].dtype == value.dtype


def test_the_folder_is_the_documented_one(tmp_path: Path, networks: nn.ModuleDict, make_meta: Make) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(), {"step": 1})
    names = sorted(path.name for path in (tmp_path / "last").iterdir())
    assert names == [
        "checkpoint.json",
        "depth.safetensors",
        "encoder.safetensors",
        "pose.safetensors",
        "training_state.pt",
    ]
    description = json.loads((tmp_path / "last" / "checkpoint.json").read_text())
    assert description["meta"]["metres_per_unit"] == 5.4
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_training_state_round_trip(tmp_path: Path, networks: nn.ModuleDict, make_meta: Make) -> None:
    optimizer = torch.optim.Adam(networks.parameters())
    networks["depth"](torch.rand(1, 4, 8, 8)).sum().backward()
    optimizer.step()
    state = {
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "position": {"epoch": 1, "score": None, "names": ["a"], "pair": (1, 2.5), "raw": b"x"},
        "ordered": OrderedDict(a=True),
    }
    save_checkpoint(tmp_path / "last", networks, make_meta(), state)
    loaded = load_checkpoint(tmp_path / "last", with_training_state=True).training_state
    assert loaded is not None
    assert loaded["position"] == state["position"]
    assert torch.equal(loaded["rng"], state["rng"])
    fresh = torch.optim.Adam(networks.parameters())
    fresh.load_state_dict(loaded["optimizer"])
    for mine, theirs in zip(fresh.state.values(), optimizer.state.values(), strict=True):
        assert torch.equal(mine["exp_avg_sq"], theirs["exp_avg_sq"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": [1, np.float64(2.0)]}, r"training_state\['x'\]\['a'\]\[1\] is a numpy.float64"),
        (Path("x"), r"training_state\['x'\] is a pathlib"),
        ({1, 2}, "builtins.set"),
        ({np.int64(1): 0}, "key .*1.* of training_state"),
    ],
)
def test_a_training_state_that_could_not_be_read_back_is_refused(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, value: Any, said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        save_checkpoint(tmp_path / "last", networks, make_meta(), {"x": value})
    assert not (tmp_path / "last").exists()


def test_without_a_training_state_there_is_no_resuming(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    save_checkpoint(tmp_path / "best", networks, make_meta())
    with pytest.raises(UserError, match="best.*without a training state.*--load_weights_folder"):
        load_checkpoint(tmp_path / "best", with_training_state=True)


def test_shared_strided_and_compiled_tensors_are_stored_plainly(tmp_path: Path, make_meta: Make) -> None:
    tied = nn.Linear(4, 4)
    other = nn.Linear(4, 4)
    other.weight = tied.weight
    strided = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    networks = nn.ModuleDict(
        {
            "tied": nn.Sequential(tied, other),
            "strided": strided,
            "compiled": torch.compile(nn.Linear(2, 2), backend="eager"),
        }
    )
    save_checkpoint(tmp_path / "last", networks, make_meta())
    states = load_checkpoint(tmp_path / "last").state_dicts
    assert torch.equal(states["tied"]["0.weight"], states["tied"]["1.weight"])
    assert torch.equal(states["strided"]["weight"], strided.weight)
    assert set(states["compiled"]) == {"weight", "bias"}
    nn.init.zeros_(networks["compiled"].weight)
    load_into(networks, load_checkpoint(tmp_path / "last"))
    assert torch.equal(networks["compiled"].weight, states["compiled"]["weight"])


def test_a_folder_that_is_no_checkpoint_is_never_replaced(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(UserError, match="photos: exists and is not a checkpoint"):
        save_checkpoint(tmp_path / "photos", networks, make_meta())
    assert (tmp_path / "photos" / "a.jpg").exists()
    (tmp_path / "empty").mkdir()
    save_checkpoint(tmp_path / "empty", networks, make_meta())
    assert load_checkpoint(tmp_path / "empty").meta == make_meta()


@pytest.mark.parametrize("name", ["../depth", "a/depth", "depth.pth", "two words", "", "depth\n"])
def test_a_network_name_must_be_a_file_name(tmp_path: Path, make_meta: Make, name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"letters, digits and _ only, not {name!r}")):
        save_checkpoint(tmp_path / "last", {name: nn.Linear(1, 1)}, make_meta())
    assert not (tmp_path / "last").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda folder: (folder / "depth.safetensors").unlink(),
            "depth.safetensors: this file .* is missing",
        ),
        (lambda folder: (folder / "depth.safetensors").write_bytes(b"x"), "depth.safetensors: has 1 bytes"),
        (lambda folder: (folder / "checkpoint.json").write_text("{"), "checkpoint.json: not readable"),
        (lambda folder: (folder / "checkpoint.json").write_text("{}"), "checkpoint.json: not readable"),
        (lambda folder: (folder / "checkpoint.json").write_text("[]"), "checkpoint.json: not readable"),
    ],
)
def test_damage_is_named(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, damage: Callable[[Path], Any], said: str
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta())
    damage(tmp_path / "last")
    with pytest.raises(UserError, match=said):
        load_checkpoint(tmp_path / "last")


def test_damage_of_the_same_size_is_noticed_too(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta())
    file = tmp_path / "last" / "depth.safetensors"
    file.write_bytes(b"\xff" * file.stat().st_size)
    with pytest.raises(UserError, match="depth.safetensors: not readable as a file of tensors"):
        load_checkpoint(tmp_path / "last")


def test_the_training_state_may_be_left_behind_when_copying(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(), {"step": 1})
    (tmp_path / "last" / "training_state.pt").unlink()
    assert load_checkpoint(tmp_path / "last").meta == make_meta()
    with pytest.raises(UserError, match="training_state.pt: this file is missing"):
        load_checkpoint(tmp_path / "last", with_training_state=True)
