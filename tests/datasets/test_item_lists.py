"""Which list is read for a part, and what is said of a bad one."""

from __future__ import annotations

import pytest

from selfsup_depth.datasets import build_dataset
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import write_unisin, write_va

SQUARE = {"height": 16, "width": 16}


def all_names(dataset) -> list[str]:
    return [dataset.name(i) for i in range(len(dataset))]


@pytest.fixture
def simsin(trees):
    """The layout without any list; returns the folder."""
    path = trees.simsin(frames=12)
    (path / "train_files.txt").unlink()
    (path / "val_files.txt").unlink()
    return path


def lines(*frames: int, side: int = 0) -> str:
    return "".join(f"apartment_0/{frame:03d}_{side} {frame} {'lr'[side]}\n" for frame in frames)


def names(*frames: int) -> list[str]:
    return lines(*frames).splitlines()


# --- columns


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("apartment_0/001_0 1", "found 2 columns, expected one .* or three"),
        ("my flat/001_0 one l", "found 4 columns, expected one .* or three"),
        ("apartment_0/001_0 one l", "whole number as frame, but found 'one'"),
    ],
)
def test_a_line_of_the_wrong_form_is_named_with_file_and_number(simsin, ask, line, message):
    path = simsin / "train_files.txt"
    path.write_text(f"{lines(1)}\n{line}\n{lines(2)}")
    with pytest.raises(UserError, match=rf"train_files\.txt, line 3: the line '{line}' names no image \(.*{message}"):
        build_dataset("simsin", ask(data_path=simsin, **SQUARE))
    with pytest.raises(UserError, match=f"simsin, lines given: the line '{line}' names no image"):
        build_dataset("simsin", ask(data_path=simsin, lines=(line,), **SQUARE))


@pytest.mark.parametrize("text", ["apartment_0/001_0\n", "\ufeffapartment_0/001_0 1 l\n\n", "  apartment_0/001_0\t1 l"])
def test_one_or_three_columns(simsin, ask, text):
    (simsin / "val_files.txt").write_text(text, encoding="utf-8")
    assert all_names(build_dataset("simsin", ask(data_path=simsin, split=simsin, part="val", **SQUARE))) == names(1)


def test_names_are_lines_of_a_list(simsin, ask):
    dataset = build_dataset("simsin", ask(data_path=simsin, **SQUARE))
    again = build_dataset("simsin", ask(data_path=simsin, lines=tuple(all_names(dataset)), **SQUARE))
    assert again.items == dataset.items


def test_lists_that_cannot_be_read(simsin, ask):
    path = simsin / "train_files.txt"
    path.write_text("\n \n")
    with pytest.raises(UserError, match=r"train_files\.txt is empty where simsin expects an image a line"):
        build_dataset("simsin", ask(data_path=simsin, **SQUARE))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"train_files\.txt cannot be read as a list for simsin"):
        build_dataset("simsin", ask(data_path=simsin, **SQUARE))


# --- which list


def test_published_lists_in_the_data_folder(simsin, ask):
    (simsin / "replica_train.txt").write_text(lines(1, 2, 3))
    (simsin / "replica_test_sub.txt").write_text(lines(9))
    for part, expected in (("train", [1, 2, 3]), ("val", [9]), ("test", [9])):
        dataset = build_dataset("simsin", ask(data_path=simsin, part=part, **SQUARE))
        assert all_names(dataset) == names(*expected)
        assert dataset.report.left_out == {}


def test_two_published_lists_for_training_are_a_question(simsin, ask):
    (simsin / "SimSIN_release.txt").write_text(lines(5, 6))
    (simsin / "replica_train.txt").write_text(lines(1))
    (simsin / "replica_test_sub.txt").write_text(lines(9))
    with pytest.raises(UserError, match=r"several lists for train of simsin, SimSIN_release\.txt and replica_train"):
        build_dataset("simsin", ask(data_path=simsin, **SQUARE))
    for split in ("replica_train.txt", simsin / "replica_train.txt"):
        for part, expected in (("train", [1]), ("val", [9])):
            dataset = build_dataset("simsin", ask(data_path=simsin, split=split, part=part, **SQUARE))
            assert all_names(dataset) == names(*expected)
    (simsin / "train_files.txt").write_text(lines(2))  # one's own answers it, too
    assert all_names(build_dataset("simsin", ask(data_path=simsin, **SQUARE))) == names(2)


def test_a_folder_of_lists_somewhere_else(simsin, ask, tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/all_large_release2.txt").write_text(lines(*range(10)))
    (tmp_path / "lists/replica_test_sub.txt").write_text(lines(11))
    (simsin / "train_files.txt").write_text(lines(2))
    request = ask(data_path=simsin, split=str(tmp_path / "lists"), **SQUARE)
    assert all_names(build_dataset("simsin", request)) == names(*range(10))


def test_a_single_list_is_divided_for_training_and_whole_for_testing(simsin, ask, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text(lines(*range(12)))
    (tmp_path / "val_files.txt").write_text(lines(0))  # not of the same set: mine.txt is no name of one
    asked = {part: ask(data_path=simsin, split=mine, part=part, **SQUARE) for part in ("train", "val", "test")}
    found = {part: build_dataset("simsin", request) for part, request in asked.items()}
    assert all_names(found["train"]) == names(*range(11))
    assert all_names(found["val"]) == names(11)
    assert all_names(found["test"]) == names(*range(12))
    assert found["train"].report.left_out == {"held out for validation": 1}
    assert found["train"].report.examples == {"held out for validation": names(11)}


def test_a_training_list_alone_gives_its_last_sequences_to_validation(ask, tmp_path):
    sequences = tuple(f"hall_{n}" for n in range(5))
    path = write_unisin(tmp_path / "data", frames=2, sequences=sequences)
    listed = [f"{sequence}/{frame:04d}_{side}" for sequence in sequences for frame in (0, 1) for side in (0, 1)]
    (path / "UniSIN_500_list.txt").write_text("\n".join(listed))
    train = build_dataset("unisin", ask(data_path=path, **SQUARE))
    assert {name.split("/")[0] for name in all_names(train)} == set(sequences[:4])
    assert train.report.left_out == {"held out for validation: 2 frames, both sides": 4}
    assert train.report.listed == 20
    for part in ("val", "test"):
        held_out = all_names(build_dataset("unisin", ask(data_path=path, part=part, **SQUARE)))
        assert [name.split()[0] for name in held_out] == listed[16:]


def test_a_folder_named_splits_beside_the_images(simsin, ask):
    (simsin / "splits").mkdir()
    for part, frame in (("train", 3), ("val", 5), ("test", 7)):
        (simsin / f"splits/{part}_files.txt").write_text(lines(frame))
    for part, frame in (("train", 3), ("val", 5), ("test", 7)):
        assert all_names(build_dataset("simsin", ask(data_path=simsin, part=part, **SQUARE))) == names(frame)


def test_a_list_for_another_part_alone_trains_on_nothing(ask, tmp_path):
    path = write_va(tmp_path / "data")
    (path / "VA_left_all.txt").write_text("camera_0/00000002 2 l\ncamera_0/00000003 3 l\n")
    assert all_names(build_dataset("va", ask(data_path=path, part="test", **SQUARE))) == [
        "camera_0/00000002 2 l",
        "camera_0/00000003 3 l",
    ]
    for part in ("train", "val"):  # training on what is tested must be asked for
        with pytest.raises(UserError, match=rf"images for {part}, but .*data has VA_left_all\.txt: put {part}_files"):
            build_dataset("va", ask(data_path=path, part=part, **SQUARE))


def test_a_split_that_is_not_there(simsin, ask):
    with pytest.raises(UserError, match="--split eigen_zhou is neither a list for simsin nor a folder with train_"):
        build_dataset("simsin", ask(data_path=simsin, split="eigen_zhou", **SQUARE))
    (simsin / "empty").mkdir()
    with pytest.raises(UserError, match="simsin needs a list of its images for val, but .*empty has no list"):
        build_dataset("simsin", ask(data_path=simsin, split="empty", part="val", **SQUARE))
