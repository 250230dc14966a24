"""SimSIN's layout: the frame and the side are in the listed path."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from selfsup_depth.datasets import ReaderOptions, build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import write_picture

SQUARE = {"height": 16, "width": 16}


def all_names(dataset) -> list[str]:
    return [dataset.name(i) for i in range(len(dataset))]


def test_frames_sides_and_neighbours(trees, ask):
    path = trees.simsin()
    dataset = build_dataset("simsin", ask(data_path=path, frame_ids=(0, -1, 1, "s"), **SQUARE))
    assert dataset.report.left_out == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}
    stems = [f"none before {path}/apartment_0/000_{side}.png" for side in (0, 1)]
    assert dataset.report.examples["neighbour frame -1 missing"] == stems
    assert dataset.report.examples["neighbour frame +1 missing"][0].endswith("apartment_0/004_0.png")
    files = ["001_1", "000_1", "002_1", "001_0"]
    expected = torch.stack([read_image(str(path / "apartment_0" / f"{name}.png")) for name in files])
    assert torch.equal(dataset[1].images, expected)
    assert dataset.name(1) == "apartment_0/001_1 1 r"


def test_geometry_is_ninety_degrees_and_the_true_baseline(trees, ask):
    dataset = build_dataset("simsin", ask(data_path=trees.simsin(), frame_ids=(0, "s"), height=32, width=32))
    left, right = dataset[0], dataset[1]
    assert torch.allclose(left.intrinsics[0], torch.tensor([[16.0, 0, 16], [0, 16, 16], [0, 0, 1]]))
    assert left.stereo_T_target[0, 3].item() == pytest.approx(-0.1312)
    assert right.stereo_T_target[0, 3].item() == pytest.approx(0.1312)
    assert dataset.baseline_m == pytest.approx(0.1312)


def test_pictures_of_another_shape_are_not_of_this_camera(trees, ask):
    path = trees.simsin()
    write_picture(path / "apartment_0/000_0.png", 0, width=20, height=16)
    with pytest.raises(UserError, match=r"The camera of simsin is for images of 512x512, but .*000_0\.png has 20x16"):
        build_dataset("simsin", ask(data_path=path, **SQUARE))


def test_depth_is_read_in_metres_with_holes_as_zero(trees, ask):
    dataset = build_dataset("simsin", ask(data_path=trees.simsin(), with_depth=True, **SQUARE))
    depth = dataset[2].depth  # frame 1
    assert depth.shape == (1, 16, 16)
    assert depth.dtype == torch.float32
    assert torch.equal(depth[0, 0], torch.zeros(16))
    assert torch.equal(depth[0, 1:], torch.full((15, 16), 3.0))


def test_depth_that_is_missing_or_broken(trees, ask):
    path = trees.simsin()
    (path / "apartment_0/000_0_depth.npy").unlink()
    (path / "apartment_0/000_1_depth.npy").write_bytes(b"broken")
    np.save(path / "apartment_0/001_0_depth.npy", np.ones((2, 16, 16)))
    dataset = build_dataset("simsin", ask(data_path=path, with_depth=True, **SQUARE))
    assert dataset.report.left_out == {"no ground-truth depth": 1}
    with pytest.raises(UserError, match=r"000_1_depth\.npy cannot be read as a depth map"):
        dataset[0]
    with pytest.raises(UserError, match=r"001_0_depth\.npy has shape \(2, 16, 16\)"):
        dataset[1]


def test_the_thousandth_frame_follows(trees, ask):
    path = trees.simsin()
    for old, new in (("000", "998"), ("001", "999"), ("002", "1000"), ("003", "1001")):
        for file in (path / "apartment_0").glob(f"{old}_*"):
            file.rename(file.with_name(file.name.replace(old, new, 1)))
    lines = ("apartment_0/999_0", "apartment_0/1000_0 1000 l")
    dataset = build_dataset("simsin", ask(data_path=path, lines=lines, frame_ids=(0, -1, 1, "s"), **SQUARE))
    assert all_names(dataset) == ["apartment_0/999_0 999 l", "apartment_0/1000_0 1000 l"]
    assert dataset.source.neighbour(dataset.items[0], 1) == dataset.items[1]


def test_images_are_found_without_a_list(trees, ask):
    """Both sides for training, the left one for validation, whole scenes apart."""
    path = trees.simsin(frames=3)
    for name in ("train_files.txt", "val_files.txt"):
        (path / name).unlink()
    (path / "deeper/still").mkdir(parents=True)
    (path / "apartment_0").rename(path / "deeper/still/apartment_0")
    shutil.copytree(path / "deeper/still/apartment_0", path / "room")
    (path / "room/._000_0.png").write_bytes(b"what macOS leaves behind")
    (path / "room/000_0_depth.png").write_bytes(b"a picture of depth")
    train = build_dataset("simsin", ask(data_path=path, frame_ids=(0, -1, 1), **SQUARE))
    assert all_names(train) == [f"deeper/still/apartment_0/001_{side} 1 {'lr'[side]}" for side in (0, 1)]
    assert train.report.left_out["held out for validation: 3 frames, both sides"] == 6
    assert train.report.listed == 12
    val = build_dataset("simsin", ask(data_path=path, part="val", **SQUARE))
    assert all_names(val) == [f"room/{frame:03d}_0 {frame} l" for frame in range(3)]
    assert len(build_dataset("simsin", ask(data_path=path, part="test", **SQUARE))) == 6


def test_a_loop_of_links_ends(trees, ask):
    path = trees.simsin(frames=3)
    (path / "train_files.txt").unlink()
    (path / "val_files.txt").unlink()
    (path / "apartment_0/again").symlink_to(path)
    dataset = build_dataset("simsin", ask(data_path=path, part="test", **SQUARE))
    assert all_names(dataset)[:3] == [f"apartment_0/{frame:03d}_0 {frame} l" for frame in range(3)]


def test_a_folder_of_something_else(trees, ask):
    with pytest.raises(UserError, match=r"data has neither train_files\.txt nor images named <scene>/NNN_S"):
        build_dataset("simsin", ask(data_path=trees.root, **SQUARE))


def test_png_is_preferred_when_asked(trees, ask):
    path = trees.simsin()
    shutil.copy(path / "apartment_0/000_0.png", path / "apartment_0/000_0.jpg")
    for png, suffix in ((False, ".jpg"), (True, ".png")):
        dataset = build_dataset("simsin", ask(data_path=path, options=ReaderOptions(png=png), **SQUARE))
        assert dataset.source.image_path(dataset.items[0]).endswith(f"000_0{suffix}")


def test_a_list_may_say_0_for_any_frame(trees, ask):
    lines = ("apartment_0/001_0 0 l", "apartment_0/002_1")
    assert all_names(build_dataset("simsin", ask(data_path=trees.simsin(), lines=lines, **SQUARE))) == [
        "apartment_0/001_0 1 l",
        "apartment_0/002_1 2 r",
    ]


def test_what_is_missing_is_named_as_it_was_published(trees, ask):
    """png, but jpg where the other images of the folder are; whatever is preferred."""
    path = trees.simsin()
    shutil.copytree(path / "apartment_0", path / "kitchen_0")
    for picture in (path / "kitchen_0").glob("*.png"):
        picture.rename(picture.with_suffix(".jpg"))
    lines = ("apartment_0/000_0", "apartment_9/000_0", "kitchen_0/099_0")
    report = build_dataset("simsin", ask(data_path=path, lines=lines, **SQUARE)).report
    assert report.examples["target image missing"] == [f"{path}/apartment_9/000_0.png", f"{path}/kitchen_0/099_0.jpg"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("apartment_0/12_0 12 l", "expected a path like <scene>/NNN_S"),
        ("apartment_0/012_1 12 l", "its path is of side r, but its last column says l"),
        ("apartment_0/012_1 13 r", "its path is of frame 12, but its middle column says 13"),
    ],
)
def test_lines_that_name_no_image_are_refused(trees, ask, line, message):
    with pytest.raises(UserError, match=f"simsin, lines given: the line '{line}' names no image .*{message}"):
        build_dataset("simsin", ask(data_path=trees.simsin(), lines=(line,), **SQUARE))
