"""UniSIN's layout: as SimSIN's with four digits, one calibrated camera, no depth."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.datasets import build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import write_unisin

SMALL = {"height": 18, "width": 32}


def test_frames_sides_and_neighbours(tmp_path, ask):
    path = write_unisin(tmp_path)
    lines = tuple(f"hall_0/{frame:04d}_{side} {frame} {'lr'[side]}" for frame in range(4) for side in (0, 1))
    dataset = build_dataset("unisin", ask(data_path=path, lines=lines, frame_ids=(0, -1, 1, "s"), **SMALL))
    assert [dataset.name(i) for i in range(len(dataset))] == list(lines[2:6])
    assert dataset.report.left_out == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}
    files = ["0001_1", "0000_1", "0002_1", "0001_0"]
    expected = torch.stack([read_image(str(path / "hall_0" / f"{name}.png")) for name in files])
    assert torch.equal(dataset[1].images, expected)


def test_the_calibrated_camera_in_corner_pixels(tmp_path, ask):
    """522.2714 px, centre (658.70, 364.48) counted from the centre of the first pixel, at 1280x720."""
    request = ask(data_path=write_unisin(tmp_path), frame_ids=(0, "s"), height=360, width=640)
    left, right = (build_dataset("unisin", request)[i] for i in (0, 1))
    expected = [[261.1357, 0, 0.5 * 659.2016], [0, 261.1357, 0.5 * 364.9824], [0, 0, 1]]
    for sample in (left, right):
        assert torch.allclose(sample.intrinsics, torch.tensor([expected] * 2), rtol=1e-6)
    published = torch.tensor([0.408024, 0.725377, 0.5146106, 0.5062255])  # fx/W, fy/H, cx/W, cy/H
    fx, fy, cx, cy = (left.intrinsics[0][i] for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    found = torch.stack([fx / 640, fy / 360, (cx - 0.25) / 640, (cy - 0.25) / 360])
    assert torch.allclose(found, published, atol=1e-6)
    assert left.stereo_T_target[:3, 3].tolist() == pytest.approx([-0.12, 0, 0])
    assert right.stereo_T_target[:3, 3].tolist() == pytest.approx([0.12, 0, 0])


def test_images_are_found_without_a_list(tmp_path, ask):
    path = write_unisin(tmp_path, frames=2, sequences=("hall_0", "hall_1"))
    train = build_dataset("unisin", ask(data_path=path, frame_ids=(0, "s"), **SMALL))
    assert [train.name(i) for i in range(4)] == [f"hall_0/{n:04d}_{s} {n} {'lr'[s]}" for n in (0, 1) for s in (0, 1)]
    val = build_dataset("unisin", ask(data_path=path, part="val", **SMALL))
    assert [val.name(i) for i in range(len(val))] == ["hall_1/0000_0 0 l", "hall_1/0001_0 1 l"]


def test_a_crop_is_not_of_this_camera(tmp_path, ask):
    said = r"The camera of unisin is for images of 1280x720, but .*has 32x24.* built in, .*--dataset folder.* calib\.y"
    with pytest.raises(UserError, match=said):
        build_dataset("unisin", ask(data_path=write_unisin(tmp_path, size=(32, 24)), **SMALL))


def test_there_is_no_depth(tmp_path, ask):
    with pytest.raises(UserError, match="unisin has no ground-truth depth"):
        build_dataset("unisin", ask(data_path=write_unisin(tmp_path), with_depth=True, **SMALL))


def test_three_digits_are_not_unisins(tmp_path, ask):
    with pytest.raises(UserError, match="expected a path like <sequence>/NNNN_S"):
        build_dataset("unisin", ask(data_path=write_unisin(tmp_path), lines=("hall_0/001_0",), **SMALL))
