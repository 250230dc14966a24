"""Which folder is which: by looking, or by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from selfsup_depth.checkpoints import (
    FORMATS,
    CheckpointMeta,
    find_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from selfsup_depth.errors import UserError

Make = Callable[..., CheckpointMeta]


def test_formats_are_told_apart_by_looking(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, write_monodepth2: Callable[..., Path]
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(method="ours"))
    assert load_checkpoint(tmp_path / "last").meta.method == "ours"
    assert load_checkpoint(str(write_monodepth2("encoder", "depth"))).meta.method == "monodepth2"


def test_every_format_can_be_named(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, write_monodepth2: Callable[..., Path]
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta())
    original = write_monodepth2("encoder", "depth")
    assert FORMATS == ("selfsup_depth", "monodepth2", "distdepth")
    for name in FORMATS:
        own = name == "selfsup_depth"
        meta = load_checkpoint(tmp_path / "last" if own else original, format=name).meta
        assert (meta.library_version == "0.1.0") == own == (meta.origin is None)
    with pytest.raises(UserError, match="encoder.pth: this file is missing, its folder has 4 .checkpoint.json"):
        load_checkpoint(tmp_path / "last", format="monodepth2")
    with pytest.raises(UserError, match="--weights_format selfsup_depth was asked for, but there is no"):
        load_checkpoint(original, format="selfsup_depth")
    with pytest.raises(UserError, match="--weights_format tensorflow: expected one of selfsup_depth, monodepth2, dist"):
        load_checkpoint(tmp_path / "last", format="tensorflow")


def test_ours_wins_where_both_lie_together(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, write_monodepth2: Callable[..., Path]
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(method="ours"))
    for file in write_monodepth2("encoder", "depth").iterdir():
        file.rename(tmp_path / "last" / file.name)
    assert load_checkpoint(tmp_path / "last").meta.method == "ours"
    assert load_checkpoint(tmp_path / "last", format="monodepth2").meta.method == "monodepth2"


def test_a_folder_put_aside_is_found_only_while_its_successor_is_missing(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta(step=1))
    (tmp_path / "last").rename(tmp_path / "last.previous")
    assert find_checkpoint(tmp_path / "last") == tmp_path / "last.previous"
    assert load_checkpoint(tmp_path / "last").meta.step == 1
    save_checkpoint(tmp_path / "new", networks, make_meta(step=2))
    (tmp_path / "new").rename(tmp_path / "last")
    assert find_checkpoint(tmp_path / "last") == tmp_path / "last"
    assert load_checkpoint(tmp_path / "last").meta.step == 2


def test_where_there_is_no_checkpoint_the_message_points_at_those_below(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    assert find_checkpoint(tmp_path / "absent") is None
    with pytest.raises(UserError, match="absent: there is no such folder"):
        load_checkpoint(tmp_path / "absent")
    with pytest.raises(UserError, match="neither checkpoint.json nor .* give a checkpoint's folder"):
        load_checkpoint(tmp_path)
    for name in ("last", "best"):
        save_checkpoint(tmp_path / name, networks, make_meta())
    with pytest.raises(UserError, match="point at one of its folders: best, last"):
        load_checkpoint(tmp_path)


def test_the_message_for_a_run_names_its_models_and_for_a_file_its_folder(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make
) -> None:
    for name in ("last", "best"):
        save_checkpoint(tmp_path / "mdp" / "models" / name, networks, make_meta())
    with pytest.raises(UserError, match="point at one of its folders: models/best, models/last"):
        load_checkpoint(tmp_path / "mdp")
    best = tmp_path / "mdp" / "models" / "best"
    with pytest.raises(UserError, match=f"checkpoint.json: is a file; give the folder .* example {best}\\."):
        load_checkpoint(best / "checkpoint.json")
