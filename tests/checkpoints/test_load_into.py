"""Weights into networks: strictly, all or nothing, and every difference by its name."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from selfsup_depth.checkpoints import Checkpoint, CheckpointMeta, load_into
from selfsup_depth.errors import UserError
from selfsup_depth.networks import build_encoder

Make = Callable[..., CheckpointMeta]


def _checkpoint(networks: nn.ModuleDict, meta: CheckpointMeta) -> Checkpoint:
    states = {name: copy.deepcopy(network.state_dict()) for name, network in networks.items()}
    return Checkpoint(meta=meta, state_dicts=states, training_state=None, folder=Path("runs/mdp/last"))


@pytest.fixture
def checkpoint(networks: nn.ModuleDict, make_meta: Make) -> Checkpoint:
    return _checkpoint(networks, make_meta())


def _scrambled(networks: nn.ModuleDict) -> nn.ModuleDict:
    for parameter in networks.parameters():
        nn.init.normal_(parameter)
    return networks


def _loaded(networks: nn.ModuleDict, checkpoint: Checkpoint, name: str) -> bool:
    state = networks[name].state_dict()
    return all(torch.equal(value, state[key]) for key, value in checkpoint.state_dicts[name].items())


def test_everything_is_loaded_by_default(networks: nn.ModuleDict, checkpoint: Checkpoint) -> None:
    load_into(_scrambled(networks), checkpoint)
    assert all(_loaded(networks, checkpoint, name) for name in networks)


def test_only_what_is_named_is_loaded(networks: nn.ModuleDict, checkpoint: Checkpoint) -> None:
    load_into(_scrambled(networks), checkpoint, ["depth"])
    assert [name for name in networks if _loaded(networks, checkpoint, name)] == ["depth"]


def test_networks_the_method_lacks_are_no_matter(networks: nn.ModuleDict, checkpoint: Checkpoint) -> None:
    del networks["pose"]
    load_into(_scrambled(networks), checkpoint)
    assert _loaded(networks, checkpoint, "encoder")


@pytest.mark.parametrize("names", [None, ["depth", "pose"]])
def test_a_network_that_is_not_in_the_checkpoint_is_an_error(
    networks: nn.ModuleDict, make_meta: Make, names: list[str] | None
) -> None:
    checkpoint = _checkpoint(
        nn.ModuleDict({"encoder": networks["encoder"], "depth": networks["depth"]}), make_meta()
    )
    with pytest.raises(UserError, match="runs/mdp/last: has no weights for pose, only for encoder, depth"):
        load_into(_scrambled(networks), checkpoint, names)
    assert not _loaded(networks, checkpoint, "depth")


def test_a_network_the_method_does_not_have_is_an_error(
    networks: nn.ModuleDict, checkpoint: Checkpoint
) -> None:
    with pytest.raises(UserError, match="--models_to_load encodr: .* no encodr; it has encoder, depth, pose"):
        load_into(networks, checkpoint, ["encodr"])


def test_differences_are_named_and_nothing_is_changed(
    networks: nn.ModuleDict, checkpoint: Checkpoint
) -> None:
    encoder = dict(checkpoint.state_dicts["encoder"])
    del encoder["0.bias"], encoder["1.running_mean"]
    encoder["2.weight"] = torch.zeros(1)
    depth = dict(checkpoint.state_dicts["depth"], weight=torch.zeros(2, 4, 3, 3))
    broken = Checkpoint(
        checkpoint.meta,
        {**checkpoint.state_dicts, "encoder": encoder, "depth": depth},
        None,
        checkpoint.folder,
    )
    before = copy.deepcopy(_scrambled(networks).state_dict())
    with pytest.raises(UserError) as error:
        load_into(networks, broken)
    message = str(error.value)
    for part in (
        "encoder: missing 2 (0.bias, 1.running_mean); unexpected 1 (2.weight); of another shape none",
        "depth: missing none; unexpected none; of another shape 1 ",
        "(weight is (2, 4, 3, 3), here (1, 4, 3, 3))",
        "encoder resnet18",
        "--models_to_load",
    ):
        assert part in message
    assert "pose:" not in message
    assert all(torch.equal(value, before[key]) for key, value in networks.state_dict().items())


def test_long_lists_are_cut_and_counted(make_meta: Make) -> None:
    shallow, deep = nn.ModuleDict({"encoder": build_encoder("resnet18")}), build_encoder("resnet50")
    with pytest.raises(
        UserError, match=r"missing \d{3} \(encoder.layer1.0.conv3.weight, .*, \.\.\.\)"
    ) as error:
        load_into({"encoder": deep}, _checkpoint(shallow, make_meta()))
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(("stored", "own"), [(2, 3), (1, 2)])
def test_another_number_of_stacked_images_is_said_plainly(make_meta: Make, stored: int, own: int) -> None:
    checkpoint = _checkpoint(
        nn.ModuleDict({"pose_encoder": build_encoder("resnet18", in_images=stored)}), make_meta()
    )
    said = f"made for {stored} stacked image(s) in the checkpoint and for {own} here"
    with pytest.raises(UserError, match=re.escape(said)):
        load_into({"pose_encoder": build_encoder("resnet18", in_images=own)}, checkpoint)


def test_batch_counts_may_be_missing(networks: nn.ModuleDict, checkpoint: Checkpoint) -> None:
    encoder = dict(checkpoint.state_dicts["encoder"])
    del encoder["1.num_batches_tracked"]
    old = Checkpoint(checkpoint.meta, {"encoder": encoder}, None, checkpoint.folder)
    load_into(_scrambled(networks), old, ["encoder"])
    assert _loaded(networks, old, "encoder")
