"""Lists as files, from the function and from the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splits import SPLITS, eigen_to_benchmark_ids, read_split, write_split
from splits.__main__ import main


@pytest.mark.parametrize("name", SPLITS)
def test_written_lists_read_back(tmp_path: Path, name: str) -> None:
    paths = write_split(name, tmp_path / "new" / "folder")
    assert all(path.is_file() for path in paths)
    for part in SPLITS[name].parts:
        file = tmp_path / "new" / "folder" / SPLITS[name].file_name(part)
        assert file in paths
        assert file.read_text().splitlines() == read_split(name, part)


def test_a_written_folder_serves_as_a_split(tmp_path: Path) -> None:
    write_split("eigen_zhou", tmp_path)
    for part in ("train", "val", "all"):
        assert read_split(tmp_path, part) == read_split("eigen_zhou", part)


def test_files_are_named_as_in_monodepth2(tmp_path: Path) -> None:
    names = {path.name for path in write_split("odom_9", tmp_path) + write_split("odom_10", tmp_path)}
    assert names == {"test_files_09.txt", "test_files_10.txt"}
    assert tmp_path / "eigen_to_benchmark_ids.npy" in write_split("benchmark", tmp_path)
    assert np.array_equal(np.load(tmp_path / "eigen_to_benchmark_ids.npy"), eigen_to_benchmark_ids())


def test_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown split 'kitti': choose from eigen_zhou"):
        write_split("kitti", tmp_path)


def test_the_command_writes_every_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--write", str(tmp_path)]) == 0
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written >= {
        "eigen/test_files.txt",
        "eigen_zhou/train_files.txt",
        "odom/val_files.txt",
        "odom/test_files_09.txt",
        "benchmark/eigen_to_benchmark_ids.npy",
        "kitti_archives_to_download.txt",
    }
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(written)
    assert f"{tmp_path / 'eigen' / 'test_files.txt'}: 697 lines" in said

    assert main(["--write", str(tmp_path)]) == 0  # the same content again is no conflict


def test_lists_that_differ_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "odom" / "val_files.txt"
    own.parent.mkdir()
    own.write_text("mine 1 l\n")
    assert main(["--write", str(tmp_path)]) == 2
    assert f"{own} already exists and differs" in capsys.readouterr().err
    assert own.read_text() == "mine 1 l\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [own]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "lists"
    file.write_text("")
    with pytest.raises(ValueError, match="is a file, but expected a folder"):
        write_split("eigen", file)
