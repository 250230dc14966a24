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


def test_exactly_one_format_recognises_each(
    tmp_path: Path, networks: nn.ModuleDict, make_meta: Make, write_monodepth2: Callable[..., Path]
) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta())
    for folder, owner in (
        (tmp_path / "last", "selfsup_depth"),
        (write_monodepth2("encoder", "depth"), "monodepth2"),
    ):
        assert [name for name, kind in FORMATS.items() if kind.recognises(folder)] == [owner]


def test_a_format_can_be_named(tmp_path: Path, networks: nn.ModuleDict, make_meta: Make) -> None:
    save_checkpoint(tmp_path / "last", networks, make_meta())
    assert load_checkpoint(tmp_path / "last", format="selfsup_depth").meta == make_meta()
    with pytest.raises(UserError, match="encoder.pth: this file of the checkpoint is missing"):
        load_checkpoint(tmp_path / "last", format="monodepth2")
    with pytest.raises(UserError, match="format 'tensorflow': expected one of selfsup_depth, monodepth2"):
        load_checkpoint(tmp_path / "last", format="tensorflow")


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
