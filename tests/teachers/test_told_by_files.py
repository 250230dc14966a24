"""Who a teacher is, told by its files: the very words of `load_teacher`, without a weight being loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import TeacherSize, isl, load_teacher, loading, told_by_files
from tests.teachers.teacher_files import (
    tiny_depth_anything,
    tiny_dpt,
    tiny_dpt_on_dinov2,
    tiny_hybrid,
    tiny_zoedepth,
    write_isl_file,
)


@pytest.mark.parametrize("size", ["trained", "native", 128])
@pytest.mark.parametrize("file", ["dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid_nyu-2ce69ec7.pt"])
def test_files_of_isl_tell_who_the_teacher_is_without_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, size: TeacherSize
) -> None:
    path = str(write_isl_file(tmp_path / file, "dpt_hybrid"))
    expected = load_teacher(path, size=size).info
    monkeypatch.setattr(loading, "load_isl_file", None)
    monkeypatch.setattr(isl, "read_tensors", None)
    assert told_by_files(path, size=size) == expected


@pytest.mark.parametrize("model", [tiny_dpt, tiny_hybrid, tiny_dpt_on_dinov2, tiny_depth_anything, tiny_zoedepth])
def test_folders_tell_who_the_teacher_is_without_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Callable[[], Any]
) -> None:
    model().save_pretrained(tmp_path / "a")
    expected = load_teacher(str(tmp_path / "a")).info
    monkeypatch.setattr(loading, "load_hugging_face", None)
    assert told_by_files(str(tmp_path / "a")) == expected
    half = told_by_files(str(tmp_path / "a"), precision="bf16")
    assert half is not None and half.identity == f"{expected.identity}; bf16"  # other maps, another cache
    (tmp_path / "a" / "preprocessor_config.json").write_text('{"size": 200}')
    assert told_by_files(str(tmp_path / "a")) != expected


def test_other_weights_in_a_file_are_told(folder: Path) -> None:
    folder.mkdir()
    told = []
    for seed in (0, 1):
        write_isl_file(folder / "dpt_hybrid_nyu-2ce69ec7.pt", "dpt_hybrid", seed)
        told.append(told_by_files("dpt_hybrid_nyu"))
        assert told[-1] == load_teacher("dpt_hybrid_nyu").info
    assert told[0] != told[1]


def test_what_files_do_not_tell_is_left_to_loading(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_by_files("dpt_large") is None  # not here, and not fetched to find out
    assert told_by_files(str(tmp_path / "absent.pt")) is None
    assert told_by_files(str(write_isl_file(tmp_path / "mine.pt", "dpt_hybrid"))) is None
    (tmp_path / "dpt_hybrid-midas-501f0c75.pt").mkdir()  # a folder where a file is expected
    with pytest.raises(UserError, match="config.json"):
        told_by_files(str(tmp_path / "dpt_hybrid-midas-501f0c75.pt"))
    with pytest.raises(UserError, match="did you mean dpt_hybrid"):
        told_by_files("dpt_hybird")
    tiny_dpt().save_pretrained(tmp_path / "a")  # type: ignore[operator]
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert told_by_files(str(tmp_path / "a")) is None


def test_a_file_that_cannot_be_read_is_left_to_loading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(files: object) -> str:
        raise PermissionError("no")

    monkeypatch.setattr(loading, "content_hash", forbidden)
    assert told_by_files(str(write_isl_file(tmp_path / "dpt_large.pt", "dpt_hybrid"))) is None


def test_a_missing_package_of_another_name_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, spec: object) -> None:
        raise ModuleNotFoundError("No module named 'x'", name="x")

    monkeypatch.setattr(loading, "isl_facts", broken)
    (tmp_path / "a.pt").touch()
    with pytest.raises(ModuleNotFoundError):
        told_by_files(str(tmp_path / "a.pt"))
