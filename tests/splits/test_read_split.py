"""Names, folders of one's own lists, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from splits import SPLITS, SplitLine, parse_line, read_split


def test_a_name_gives_lines_that_can_be_changed_without_harm() -> None:
    lines = read_split("eigen", "test")
    lines.clear()
    assert len(read_split("eigen", "test")) == 697


@pytest.mark.parametrize("name", SPLITS)
def test_every_line_of_every_split_can_be_parsed(name: str) -> None:
    for part in SPLITS[name].parts:
        for line in read_split(name, part):
            parsed = parse_line(line)
            if parsed.side is None:
                assert name == "benchmark" and part == "test"
            else:
                assert parsed.side in ("l", "r") and parsed.folder and parsed.frame >= 0


def test_parse_line() -> None:
    assert parse_line("a/b 0000000069 l\n") == SplitLine("a/b", 69, "l")
    assert parse_line("image 3") == SplitLine("image", 0, None)  # as KITTI's server counts
    assert parse_line("image.jpg") == SplitLine("image.jpg", 0, None)
    assert parse_line(" erster Tag/am  See 12 r\n") == SplitLine("erster Tag/am  See", 12, "r")


@pytest.mark.parametrize("line", ["2 three", "2 3", "image three", "a b c l", "a 3 l b"])
def test_parse_line_refuses_another_number_of_columns(line: str) -> None:
    with pytest.raises(ValueError, match=f"'{line}': expected three columns.*found {len(line.split())}: correct"):
        parse_line(line)


@pytest.mark.parametrize("frame", ["l", "3.5", "-1", "1_000"])
def test_parse_line_refuses_a_frame_that_is_not_a_number(frame: str) -> None:
    with pytest.raises(ValueError, match=rf"drive {frame} l.*whole number.*'{frame}'"):
        parse_line(f"drive {frame} l")


def test_parse_line_refuses_a_blank_line() -> None:
    with pytest.raises(ValueError, match="blank"):
        parse_line("  \n")


@pytest.mark.parametrize("as_type", [str, Path])
def test_a_folder_of_own_lists(tmp_path: Path, as_type: type) -> None:
    (tmp_path / "train_files.txt").write_bytes(b"\xef\xbb\xbfdrive 1 l\r\n\r\n  drive 2 l \r\n")
    assert read_split(as_type(tmp_path), "train") == ["drive 1 l", "drive 2 l"]


def test_a_name_wins_over_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eigen").mkdir()
    (tmp_path / "eigen/test_files.txt").write_text("mine 1 l\n")
    assert len(read_split("eigen", "test")) == 697
    assert read_split("./eigen", "test") == ["mine 1 l"]
    assert read_split(Path("eigen"), "test") == ["mine 1 l"]


def test_unknown_name_lists_the_names_and_suggests_the_closest() -> None:
    with pytest.raises(ValueError, match="neither a known split nor") as error:
        read_split("Eigen-Zhou", "train")
    assert "did you mean 'eigen_zhou'?" in str(error.value)
    assert all(name in str(error.value) for name in SPLITS)


@pytest.mark.parametrize("name", ["", "/nowhere/at/all"])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(ValueError, match="existing folder: choose from eigen_zhou"):
        read_split(name, "train")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "train_files.txt"
    file.write_text("drive 1 l\n")
    with pytest.raises(ValueError, match="is a file, but expected the folder"):
        read_split(file, "train")


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "train_files.txt").write_text("drive 1 l\n")
    with pytest.raises(ValueError, match=r"val_files\.txt is missing.*holds train_files\.txt"):
        read_split(tmp_path, "val")
    (tmp_path / "train_files.txt").unlink()
    with pytest.raises(ValueError, match=r"holds no \.txt file"):
        read_split(tmp_path, "val")


def test_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "val_files.txt").write_text("\n \n")
    with pytest.raises(ValueError, match=r"val_files\.txt is empty"):
        read_split(tmp_path, "val")


def test_a_bad_line_is_named_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "val_files.txt").write_text("drive 1 l\n\ndrive l 1\n")
    with pytest.raises(ValueError, match=r"val_files\.txt, line 3: .*'drive l 1'"):
        read_split(tmp_path, "val")


def test_a_list_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "val_files.txt").write_bytes(b"drive 1 l\n\xff\xfe")
    with pytest.raises(ValueError, match=r"val_files\.txt is not a text file.*position 10"):
        read_split(tmp_path, "val")


def test_a_part_that_a_split_lacks() -> None:
    with pytest.raises(ValueError, match="no part 'test', only train, val, all: .*odom_9, odom_10"):
        read_split("odom", "test")
    with pytest.raises(ValueError, match="no part 'train', only test: .*eigen_zhou"):
        read_split("eigen", "train")


def test_an_unknown_part(tmp_path: Path) -> None:
    for split in ("eigen_zhou", tmp_path):
        with pytest.raises(ValueError, match="unknown part 'validation'.*train, val, test, all"):
            read_split(split, "validation")
