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


def test_a_missing_image_is_named_as_those_beside_it(tmp_path):
    found = names(tmp_path, "clip_0003.png", "clip_0005.png", "007.webp", "frame08.png", "a_9.jpg", "a_11.jpg")
    assert found.path("clip", 4) == f"{tmp_path}/clip_0004.png"
    assert found.path(ONE_SEQUENCE, 8) == f"{tmp_path}/008.webp"
    assert found.path("frame", 9) == f"{tmp_path}/frame09.png"
    assert found.path("a", 10) == f"{tmp_path}/a_10.jpg"
    assert found.stem("clip", 4) == "clip_0004"
    assert found.path("kitchen", 4) == f"{tmp_path}/kitchen_4.jpg"


def test_a_missing_image_is_named_as_that_of_the_other_side(tmp_path):
    (tmp_path / "left").mkdir()
    (tmp_path / "right").mkdir()
    left, right = names(tmp_path / "left", "clip_0003.png", "hall.png"), names(tmp_path / "right")
    assert right.path("clip", 3, like=left) == f"{tmp_path}/right/clip_0003.png"
    assert right.path("clip", 4, like=left) == f"{tmp_path}/right/clip_0004.png"
    assert right.path("hall", 0, like=left) == f"{tmp_path}/right/hall.png"
    assert left.have_numbers
    assert not right.have_numbers
    assert not names(tmp_path / "right", "hall.png").have_numbers


def test_numbers_alone_are_one_sequence(tmp_path):
    found = names(tmp_path, "9.png", "10.png", "11.png")
    assert sorted(found.frames) == [(ONE_SEQUENCE, 9), (ONE_SEQUENCE, 10), (ONE_SEQUENCE, 11)]


def test_names_without_number_stand_alone(tmp_path):
    found = names(tmp_path, "kitchen.png", "hall.png")
    assert sorted(found.frames) == [("hall", 0), ("kitchen", 0)]


def test_the_same_frame_twice(tmp_path):
    found = names(tmp_path, "a_1.jpg", "a_1.png")
    assert found.path("a", 1).endswith("a_1.jpg")
    assert FrameNames(str(tmp_path), DirectoryListing(), (".png", ".jpg")).path("a", 1).endswith("a_1.png")
    with pytest.raises(UserError, match="are both frame 1 of 'a'"):
        names(tmp_path, "a_01.jpg")


def test_hidden_files_are_no_images(tmp_path):
    """macOS leaves ._NAME beside each image on a memory card."""
    found = names(tmp_path, "clip_0003.png", "._clip_0003.png")
    assert found.frames == [("clip", 3)]
