"""Training lists that hold the frames to be judged on are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from splits import leakage, read_split


def test_benchmark_holds_451_of_eigens_test_frames() -> None:
    assert "451 of the 697 test frames of split 'eigen'" in str(leakage("benchmark", "eigen"))
    assert "451 of the 652" in str(leakage("benchmark", "eigen_benchmark"))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("eigen_zhou", "eigen"),
        ("eigen_zhou", "eigen_benchmark"),
        ("eigen_full", "eigen"),
        ("odom", "odom_9"),
        ("odom", "odom_10"),
        ("benchmark", "benchmark"),
    ],
)
def test_disjoint_splits(train: str, test: str) -> None:
    assert leakage(train, test) is None


def test_odometry_is_traced_to_raw_drives() -> None:
    """Sequences 0, 4, 5, 7 are four Eigen test drives; those of their frames that we train on count."""
    drives = {
        "0": ("2011_10_03/2011_10_03_drive_0027_sync", 0),
        "4": ("2011_09_30/2011_09_30_drive_0016_sync", 0),
        "5": ("2011_09_30/2011_09_30_drive_0018_sync", 0),
        "7": ("2011_09_30/2011_09_30_drive_0027_sync", 0),
        "8": ("2011_09_30/2011_09_30_drive_0028_sync", 1100),
    }
    trained = set()
    for sequence, frame, _ in (line.split() for line in read_split("odom", "train")):
        if sequence in drives:
            folder, first = drives[sequence]
            trained.add((folder, int(frame) + first))
    tested = [line.split() for line in read_split("eigen", "test")]
    expected = sum((folder, int(frame)) in trained for folder, frame, _ in tested)
    assert expected == 84
    assert "84 of the 697" in str(leakage("odom", "eigen"))
    assert "of the 1590" in str(leakage("eigen_zhou", "odom_9"))


def test_own_folder(tmp_path: Path) -> None:
    folder, frame, _ = read_split("eigen", "test")[0].split()
    (tmp_path / "train_files.txt").write_text(f"other 3 l\n{folder} {int(frame)} r\n")
    sentence = leakage(tmp_path, "eigen")
    assert sentence is not None
    assert sentence.startswith("1 of the 697 test frames of split 'eigen' stand in the training list")
    assert f"'{tmp_path}'" in sentence
    assert f"{folder}, frame 69" in sentence


def test_a_renumbered_sequence_starts_where_its_raw_frames_do(tmp_path: Path) -> None:
    (tmp_path / "train_files.txt").write_text("8 0 l\n")
    (tmp_path / "test_files.txt").write_text("2011_09_30/2011_09_30_drive_0028_sync 1100 r\n")
    assert "1 of the 1" in str(leakage(tmp_path, tmp_path))
    (tmp_path / "test_files.txt").write_text("2011_09_30/2011_09_30_drive_0028_sync 0 r\n")
    assert leakage(tmp_path, tmp_path) is None


def test_lines_of_single_images_are_compared_whole(tmp_path: Path) -> None:
    (tmp_path / "train_files.txt").write_text("image 1\nimage 2\n")
    (tmp_path / "test_files.txt").write_text("image 2\nimage 3\n")
    assert "1 of the 2" in str(leakage(tmp_path, tmp_path))


def test_a_split_without_the_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no part 'train'"):
        leakage("eigen", "eigen")
    with pytest.raises(ValueError, match="no part 'test'"):
        leakage("eigen_zhou", "odom")
