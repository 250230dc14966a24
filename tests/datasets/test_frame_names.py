"""Names of images as scenes and frame numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.datasets.frame_names import ONE_SEQUENCE, FrameNames
from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.errors import UserError


def names(folder: Path, *files: str, suffixes=IMAGE_SUFFIXES) -> FrameNames:
    for name in files:
        (folder / name).touch()
    return FrameNames(str(folder), DirectoryListing(), suffixes)


def test_scene_and_number_with_underscore(tmp_path):
    found = names(tmp_path, "000001_10.jpg", "000001_11.jpg", "my_garden_0007.png", "notes.txt")
    assert sorted(found.frames) == [("000001", 10), ("000001", 11), ("my_garden", 7)]
    assert found.path("my_garden", 7) == f"{tmp_path}/my_garden_0007.png"
    assert found.neighbour("000001", 10, 1) == 11
    assert found.neighbour("000001", 11, 1) == 12  # not on disk: the index says so
    assert found.path("000001", 12) == f"{tmp_path}/000001_12.jpg"


def test_numbers_alone_are_one_sequence_in_order(tmp_path):
    found = names(tmp_path, "9.png", "10.png", "11.png")
    assert sorted(found.frames) == [(ONE_SEQUENCE, 9), (ONE_SEQUENCE, 10), (ONE_SEQUENCE, 11)]
    assert found.neighbour(ONE_SEQUENCE, 10, -1) == 9
    assert found.neighbour(ONE_SEQUENCE, 9, 2) == 11
    assert found.neighbour(ONE_SEQUENCE, 11, 1) is None
    assert found.neighbour(ONE_SEQUENCE, 9, -1) is None
    assert found.neighbour(ONE_SEQUENCE, 12, -1) is None


def test_steady_steps_are_consecutive_and_gaps_are_not(tmp_path):
    found = names(tmp_path, *(f"frame{n}.png" for n in (100, 110, 121, 130, 170, 180, 190)))
    assert found.neighbour("frame", 110, 1) == 121  # time stamps waver
    assert found.neighbour("frame", 130, 1) is None  # 140, 150 and 160 are missing
    assert found.neighbour("frame", 121, 2) is None
    assert found.neighbour("frame", 170, -1) is None
    assert found.neighbour("frame", 190, -2) == 170


def test_names_without_number_stand_alone(tmp_path):
    found = names(tmp_path, "kitchen.png", "hall.png")
    assert sorted(found.frames) == [("hall", 0), ("kitchen", 0)]
    assert found.neighbour("kitchen", 0, 1) is None


def test_the_same_frame_twice(tmp_path):
    found = names(tmp_path, "a_1.jpg", "a_1.png")
    assert found.path("a", 1).endswith("a_1.jpg")
    assert FrameNames(str(tmp_path), DirectoryListing(), (".png", ".jpg")).path("a", 1).endswith("a_1.png")
    with pytest.raises(UserError, match="are both frame 1 of 'a'"):
        names(tmp_path, "a_01.jpg")
