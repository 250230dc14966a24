"""VA's layout: two cameras with depth; neighbours are other files."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth.datasets import build_dataset
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import VA_DEPTH, write_picture, write_va

SQUARE = {"height": 16, "width": 16}
LINES = ("camera_0/00000001 1 l", "camera_1/00000002 2 r")


def test_neighbours_are_other_files_of_the_same_camera(tmp_path, ask):
    """The published reader gives one and the same file for every frame."""
    path = write_va(tmp_path)
    dataset = build_dataset("va", ask(data_path=path, lines=LINES, frame_ids=(0, -1, 1), **SQUARE))
    for sample, camera, frames in ((dataset[0], 0, (1, 0, 2)), (dataset[1], 1, (2, 1, 3))):
        files = [path / f"camera_{camera}" / f"{frame:08d}.png" for frame in frames]
        assert torch.equal(sample.images, torch.stack([read_image(str(file)) for file in files]))
        assert len({image.numpy().tobytes() for image in sample.images}) == 3


def test_the_ends_of_the_sequence_are_left_out(tmp_path, ask):
    lines = tuple(f"camera_0/{frame:08d} 0 l" for frame in range(4))  # the frame is in the path
    request = ask(data_path=write_va(tmp_path), lines=lines, frame_ids=(0, -1, 1), **SQUARE)
    dataset = build_dataset("va", request)
    assert [item.frame for item in dataset.items] == [1, 2]
    assert dataset.report.left_out == {"neighbour frame -1 missing": 1, "neighbour frame +1 missing": 1}


def test_depth_of_both_cameras_top_row_first(tmp_path, ask):
    dataset = build_dataset("va", ask(data_path=write_va(tmp_path), lines=LINES, with_depth=True, **SQUARE))
    for sample, nearest in ((dataset[0], 2.0), (dataset[1], 3.5)):
        assert sample.depth.shape == (1, 16, 16)
        assert (sample.depth[0, :8] == nearest).all()
        assert (sample.depth[0, 8:] == 2 * nearest).all()


def test_depth_that_is_missing_or_broken(tmp_path, ask):
    path = write_va(tmp_path)
    (path / VA_DEPTH.format(camera=0, frame=0)).unlink()
    whole = (path / VA_DEPTH.format(camera=0, frame=1)).read_bytes()
    (path / VA_DEPTH.format(camera=0, frame=1)).write_bytes(whole[:-1])
    dataset = build_dataset("va", ask(data_path=path, part="test", with_depth=True, **SQUARE))
    assert dataset.report.left_out == {"no ground-truth depth": 1}
    with pytest.raises(UserError, match=r"cam0_frame0001\.depth\.pfm holds 1023 bytes"):
        dataset[0]


def test_ninety_degrees_as_published(tmp_path, ask):
    sample = build_dataset("va", ask(data_path=write_va(tmp_path), height=32, width=64))[0]
    assert torch.allclose(sample.intrinsics[0], torch.tensor([[32.0, 0, 32], [0, 16, 16], [0, 0, 1]]))


def test_pictures_of_another_shape_need_a_calibration(tmp_path, ask):
    for picture in write_va(tmp_path).glob("camera_*/*.png"):
        write_picture(picture, 0, width=32, height=16)
    with pytest.raises(UserError, match=rf"has 32x16, another shape.* write the camera .* to {tmp_path}/calib\.json"):
        build_dataset("va", ask(data_path=tmp_path, **SQUARE))


def test_stereo_needs_a_calibration(tmp_path, ask):
    with pytest.raises(UserError, match=r"baseline of va, which was not published: measure it and write .*calib\.json"):
        build_dataset("va", ask(data_path=write_va(tmp_path), frame_ids=(0, "s"), **SQUARE))
    assert build_dataset("va", ask(data_path=tmp_path, **SQUARE)).baseline_m is None


def test_a_calibration_gives_stereo_and_cameras(tmp_path, ask):
    path = write_va(tmp_path, calibrated=True)
    request = ask(data_path=path, lines=LINES, frame_ids=(0, "s"), height=64, width=64)
    left, right = (build_dataset("va", request)[i] for i in (0, 1))
    assert left.stereo_T_target[:3, 3].tolist() == pytest.approx([-0.1, 0, 0])
    assert right.stereo_T_target[:3, 3].tolist() == pytest.approx([0.1, 0, 0])
    assert left.intrinsics[:, 0, 2].tolist() == [31.0, 33.0]
    assert right.intrinsics[:, 0, 2].tolist() == [33.0, 31.0]
    assert left.intrinsics[0, 0, 0] == 30.0
    both = [read_image(str(path / f"camera_{camera}/00000001.png")) for camera in (0, 1)]
    at_size = build_dataset("va", ask(data_path=path, lines=LINES, frame_ids=(0, "s"), **SQUARE))[0]
    assert torch.equal(at_size.images, torch.stack(both))


def test_a_calibration_one_folder_higher_is_of_something_else(tmp_path, ask):
    (write_va(tmp_path, frames=1, calibrated=True) / "calib.json").rename(tmp_path / "kept.json")
    path = write_va(tmp_path / "below")
    (tmp_path / "kept.json").rename(tmp_path / "calib.json")
    with pytest.raises(UserError, match="not published"):
        build_dataset("va", ask(data_path=path, frame_ids=(0, "s"), **SQUARE))


def test_images_are_found_without_a_list(tmp_path, ask):
    path = write_va(tmp_path, frames=20)
    train = build_dataset("va", ask(data_path=path, frame_ids=(0, -1, 1), **SQUARE))
    # 18 and 19 are held out; 17 and 16 are what those and training would both look at
    assert {(item.frame, item.side) for item in train.items} == {(n, s) for n in range(1, 16) for s in "lr"}
    val = build_dataset("va", ask(data_path=path, part="val", with_depth=True, **SQUARE))
    assert [val.name(i) for i in range(len(val))] == ["camera_0/00000018 18 l", "camera_0/00000019 19 l"]
    assert np.array_equal(val.depth(0), val[0].depth[0].numpy())
    assert len(build_dataset("va", ask(data_path=path, part="test", **SQUARE))) == 20


@pytest.mark.parametrize("line", ["camera_0/0000001", "camera_2/00000001", "camera_0/00000001 1 r", "left/00000001"])
def test_lines_that_name_no_image_are_refused(tmp_path, ask, line):
    with pytest.raises(UserError, match=f"va, lines given: the line '{line}' names no image"):
        build_dataset("va", ask(data_path=write_va(tmp_path), lines=(line,), **SQUARE))
