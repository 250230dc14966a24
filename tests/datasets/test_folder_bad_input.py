"""Pictures and names as cameras and people leave them: read rightly, or refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from folder_files import HEIGHT, WIDTH, write_camera, write_frames, write_pairs, write_picture
from PIL import Image

from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, ViewDataset, build_dataset
from selfsup_depth.errors import UserError

WIDE_OPEN = ReaderOptions(footage=FootageOptions(fov=90.0))


def opened(path: Path, frame_ids: tuple = (0, -1, 1), **changes: object) -> ViewDataset:
    request = DatasetRequest(HEIGHT, WIDTH, frame_ids, path, "test", **changes)  # type: ignore[arg-type]
    return build_dataset("folder", request)


# ------------------------------------------------------------------ sizes


def test_sizes_of_one_shape_are_each_scaled(tmp_path):
    path = write_frames(tmp_path / "clip", range(3))
    write_picture(path / "000002.png", (2 * WIDTH, 2 * HEIGHT))
    write_camera(path)
    sample = opened(path)[0]
    assert torch.allclose(sample.intrinsics, sample.intrinsics[:1].expand(3, 3, 3))


@pytest.mark.parametrize("options", [ReaderOptions(), WIDE_OPEN])
def test_a_folder_of_mixed_shapes(tmp_path, options):
    path = write_frames(tmp_path / "clip", range(12))
    write_picture(path / "000007.png", (HEIGHT, WIDTH))  # the camera was turned
    if options is not WIDE_OPEN:
        write_camera(path)
    message = r"clip/000007\.png has 24x40, but other images of its sequence have 40x24, another shape: put images of"
    with pytest.raises(UserError, match=message):
        opened(path, options=options)


@pytest.mark.parametrize("size", [(41, 25), (39, 23)])
def test_odd_sizes(tmp_path, size):
    path = write_pairs(tmp_path / "rig", range(3), size=size)
    write_camera(path, image_width=size[0], image_height=size[1], baseline_m=0.25)
    sample = opened(path, (0, -1, 1, "s"))[0]
    assert sample.images.shape == (4, 3, HEIGHT, WIDTH)
    assert sample.intrinsics[0, 0, 2].item() == pytest.approx(19.0 * WIDTH / size[0])
    assert sample.intrinsics[0, 1, 2].item() == pytest.approx(11.0 * HEIGHT / size[1])


def test_a_calibration_for_another_resolution(tmp_path):
    path = write_frames(tmp_path / "clip", range(3))
    write_camera(path, image_width=80, image_height=48, fx=60.0, fy=62.0, cx=38.0, cy=22.0)
    assert opened(path)[0].intrinsics[0].tolist() == [[30.0, 0.0, 19.0], [0.0, 31.0, 11.0], [0.0, 0.0, 1.0]]
    write_camera(path, image_width=80, image_height=60, fx=60.0, fy=62.0, cx=38.0, cy=28.0)
    with pytest.raises(UserError, match=r"calib\.json is for images of 80x60, but .*000001\.png has 40x24, another"):
        opened(path)
    write_camera(path, image_width=80, image_height=48)
    with pytest.raises(UserError, match=r"\(19, 11\) is that of images of about 38x22, but the size given is 80x48"):
        opened(path)


# ------------------------------------------------------------------ channels


def test_alpha_and_grey_pictures_are_read(tmp_path):
    path = tmp_path / "clip"
    write_picture(path / "000000.png", mode="RGBA")
    write_picture(path / "000001.png", mode="L")
    write_picture(path / "000002.png")
    write_camera(path)
    sample = opened(path)[0]
    grey = torch.from_numpy(np.array(Image.open(path / "000001.png")))
    assert torch.equal(sample.images[0], grey.expand(3, -1, -1))
    colour = torch.from_numpy(np.array(Image.open(path / "000000.png"))[..., :3]).permute(2, 0, 1)
    assert torch.equal(sample.images[1], colour)


@pytest.mark.parametrize("number", [0, 5])
def test_sixteen_bits_are_refused_at_once(tmp_path, number):
    path = write_frames(tmp_path / "clip", range(8))
    write_picture(path / f"{number:06d}.png", mode="I;16")
    write_camera(path)
    with pytest.raises(UserError, match=rf"00000{number}\.png has more than 8 bits a channel .*convert it to 8 bits"):
        opened(path, (0,))


def test_a_file_that_is_no_picture(tmp_path):
    path = write_frames(tmp_path / "clip", range(8))
    (path / "000005.png").write_text("no picture")
    write_camera(path)
    with pytest.raises(UserError, match=r"000005\.png cannot be read as an image"):
        opened(path)


# ------------------------------------------------------------------ names and counts


def test_paths_with_spaces_and_other_letters(tmp_path):
    root = tmp_path / "Ausflug zum Großglockner – 日本"
    write_frames(root / "erster Tag", range(3), "Straße {:03d}.png")
    write_pairs(root / "день 2", range(3))
    write_camera(root, "calib.yaml", baseline_m=0.25)
    dataset = opened(root)
    assert [dataset.name(index) for index in range(2)] == ["erster Tag 1 l", "день 2 1 l"]
    assert dataset[0].images.shape == (3, 3, HEIGHT, WIDTH)
    assert opened(root, (0, "s")).baseline_m == 0.25


def test_different_counts_left_and_right(tmp_path):
    path = write_pairs(tmp_path / "rig", range(8))
    for number in (0, 6, 7):
        (path / "right" / f"{number:06d}.png").unlink()
    write_camera(path, baseline_m=0.25)
    dataset = opened(path, (0, "s"))
    assert [item.frame for item in dataset.items] == [1, 2, 3, 4, 5]
    assert dataset.report.left_out == {"stereo image missing": 3}
    assert dataset.report.examples["stereo image missing"][0] == f"{path}/right/000000.png"


def test_pairs_whose_names_differ(tmp_path):
    path = tmp_path / "rig"
    write_frames(path / "left", range(4), "left_{:04d}.png")
    write_frames(path / "right", range(4), "right_{:04d}.png")
    write_camera(path, baseline_m=0.25)
    message = r"8 items .*stereo image missing, .*target image missing.*: a pair has the same name in left/ and right/"
    with pytest.raises(UserError, match=message):
        opened(path, (0, "s"))


def test_names_without_numbers(tmp_path):
    path = tmp_path / "clip"
    for name in ("a", "b", "c"):
        write_picture(path / f"{name}.png")
    write_camera(path)
    with pytest.raises(UserError, match=r"clip/a\.png and all other names have no number.*NAME_0001"):
        opened(path)


def test_the_same_frame_twice(tmp_path):
    path = write_frames(tmp_path / "clip", range(3))
    write_picture(path / "1.png")
    with pytest.raises(UserError, match=r"clip: 1\.png and 000001\.png are both frame 1"):
        opened(path)


# ------------------------------------------------------------------ nothing to read


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(UserError, match=r"has neither frames \(\.jpg, \.png, \.jpeg, \.\.\.\) nor left/ and right/"):
        opened(tmp_path)


def test_empty_left_and_right(tmp_path):
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
    with pytest.raises(UserError, match=r"nothing for testing in .*: put images into .*/left and, of the same names"):
        opened(tmp_path)


def test_too_short_a_clip(tmp_path):
    path = write_frames(tmp_path / "clip", range(5))
    write_camera(path)
    message = r"none of the 5 items listed for training .* at least 6 in a row\), put others into .*clip/val, or list"
    with pytest.raises(UserError, match=message):
        build_dataset("folder", DatasetRequest(HEIGHT, WIDTH, (0, -1, 1), path))


def test_no_camera_is_known(tmp_path):
    path = write_frames(tmp_path / "clip", range(3), "{:06d}.jpg")
    with pytest.raises(UserError, match=r'clip/calib\.json is missing .*EXIF: write .*"image_width": 40, .*with --fov'):
        opened(path)
