"""SimSIN's layout: the frame and the side are in the listed path."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth.datasets import build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError

SQUARE = {"height": 16, "width": 16}


def test_frames_sides_and_neighbours(trees, ask):
    path = trees.simsin()
    dataset = build_dataset("simsin", ask(data_path=path, frame_ids=(0, -1, 1, "s"), **SQUARE))
    assert dataset.report.left_out == {"neighbour frame -1 missing": 2, "neighbour frame +1 missing": 2}
    files = ["001_1", "000_1", "002_1", "001_0"]
    expected = torch.stack([read_image(str(path / "apartment_0" / f"{name}.png")) for name in files])
    assert torch.equal(dataset[1].images, expected)


def test_geometry_is_ninety_degrees_and_the_true_baseline(trees, ask):
    dataset = build_dataset("simsin", ask(data_path=trees.simsin(), frame_ids=(0, "s"), height=32, width=32))
    left, right = dataset[0], dataset[1]
    assert torch.allclose(left.intrinsics[0], torch.tensor([[16.0, 0, 16], [0, 16, 16], [0, 0, 1]]))
    assert left.stereo_T_target[0, 3].item() == pytest.approx(-0.1312)
    assert right.stereo_T_target[0, 3].item() == pytest.approx(0.1312)
    assert dataset.baseline_m == pytest.approx(0.1312)


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


def test_lists_are_needed(trees, ask):
    path = trees.simsin()
    (path / "train_files.txt").unlink()
    with pytest.raises(UserError, match=r"simsin needs a list of its items: put train_files\.txt"):
        build_dataset("simsin", ask(data_path=path, **SQUARE))


@pytest.mark.parametrize(
    ("line", "message"),
    [("apartment_0/12_0 12 l", "does not name an image as <scene>/NNN_S"), ("apartment_0/012_1 12 l", "contradicts")],
)
def test_lines_that_name_no_image_are_refused(trees, ask, line, message):
    with pytest.raises(UserError, match=message):
        build_dataset("simsin", ask(data_path=trees.simsin(), lines=(line,), **SQUARE))
