"""NYUv2 in DistDepth's folders, and what both layouts share: the crop and the camera that follows it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geometry.camera import crop_intrinsics
from geometry.projection import project, unproject
from selfsup_depth.datasets import build_dataset
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import (
    nyu_depth,
    pixels,
    write_nyu_folder,
    write_nyu_mat,
    write_nyu_splits,
    write_picture,
)

CROPPED = {"height": 448, "width": 608}
#: fx/W, fy/H, cx/W, cy/H of the whole picture (centre counted from the centre of the first pixel)
PUBLISHED = (0.809375, 1.08125, 0.508, 0.5286)


def all_names(dataset) -> list[str]:
    return [dataset.name(i) for i in range(len(dataset))]


def whole_camera() -> torch.Tensor:
    fx, fy, cx, cy = PUBLISHED
    return torch.tensor([[fx * 640, 0, cx * 640 + 0.5], [0, fy * 480, cy * 480 + 0.5], [0, 0, 1]])


@pytest.fixture(params=["folder", "mat"])
def either(request, tmp_path):
    """Data path, of pictures 1 and 2 for testing."""
    if request.param == "folder":
        return write_nyu_folder(tmp_path)
    pytest.importorskip("h5py")
    write_nyu_splits(tmp_path, train=(3,), test=(1, 2))
    return write_nyu_mat(tmp_path, scenes=("a", "b", "c"), count=3)


def test_image_and_depth_lose_sixteen_pixels_at_each_side(either, ask):
    dataset = build_dataset("nyuv2", ask(data_path=either, part="test", with_depth=True, **CROPPED))
    assert len(dataset) == 2
    for number, sample in ((1, dataset[0]), (2, dataset[1])):
        expected = pixels(number, 640, 480)[16:464, 16:624]
        assert np.array_equal(sample.images[0].permute(1, 2, 0).numpy(), expected)
        assert np.array_equal(sample.depth[0].numpy(), nyu_depth(number)[16:464, 16:624])
        assert sample.depth.dtype == torch.float32
    assert dataset.image(0).shape == (3, 448, 608)
    assert dataset.depth(1).shape == (448, 608)


def test_the_camera_follows_the_crop(either, ask):
    """Points of space project where their pixels went; with the whole picture's K, as published, 16 pixels off."""
    K = build_dataset("nyuv2", ask(data_path=either, part="test", **CROPPED))[0].intrinsics[:1]
    depth = torch.from_numpy(nyu_depth(1))[None, None]
    points = unproject(depth, whole_camera()[None])[..., 16:464, 16:624]
    columns, rows = torch.meshgrid(torch.arange(608) + 0.5, torch.arange(448) + 0.5, indexing="xy")
    centres = torch.stack([columns, rows])[None]
    assert torch.allclose(project(points, K)[0], centres, atol=2e-3)
    assert (project(points, whole_camera()[None])[0] - centres).abs().min() > 15.9


def test_the_camera_follows_the_resize(either, ask):
    sample = build_dataset("nyuv2", ask(data_path=either, part="test", height=224, width=152))[0]
    scale = torch.tensor([[0.25], [0.5], [1.0]])
    assert torch.allclose(sample.intrinsics[0], scale * crop_intrinsics(whole_camera(), 16, 16), rtol=1e-5)


def test_single_images_have_no_neighbours_and_no_partner(either, ask):
    with pytest.raises(UserError, match=r"without neighbours in time, but --frame_ids asks for \[-1, 1\]"):
        build_dataset("nyuv2", ask(data_path=either, part="test", frame_ids=(0, -1, 1), **CROPPED))
    with pytest.raises(UserError, match="--use_stereo needs a data set of stereo pairs: nyuv2 has one camera only"):
        build_dataset("nyuv2", ask(data_path=either, part="test", frame_ids=(0, "s"), **CROPPED))
    source = build_dataset("nyuv2", ask(data_path=either, part="test", **CROPPED)).source
    assert source.neighbour(source.items()[0], 1) is None


# --- the folders


def test_parts_are_folders(tmp_path, ask):
    write_nyu_folder(tmp_path, numbers=(7,), part="train")
    write_nyu_folder(tmp_path, numbers=(1, 2), part="val")
    found = {part: all_names(build_dataset("nyuv2", ask(data_path=tmp_path, part=part, **CROPPED)))
             for part in ("train", "val", "test")}  # fmt: skip
    assert found["train"] == ["img_train/00007 0 l"]
    assert found["val"] == found["test"] == ["img_val/00001 0 l", "img_val/00002 0 l"]


def test_only_the_path_below_the_data_folder_is_rewritten(tmp_path, ask):
    """Depth lies where "img" becomes "depth"; a data folder called img_something is not meant."""
    path = write_nyu_folder(tmp_path / "img_data")
    dataset = build_dataset("nyuv2", ask(data_path=path, part="val", with_depth=True, **CROPPED))
    assert dataset.report.left_out == {}
    (path / "more_img").mkdir()
    (path / "img_val").rename(path / "more_img/img_val")
    (path / "more_depth").mkdir()
    (path / "depth_val").rename(path / "more_depth/depth_val")
    request = ask(data_path=path, lines=("more_img/img_val/00002",), with_depth=True, **CROPPED)
    assert np.array_equal(build_dataset("nyuv2", request).depth(0), nyu_depth(2)[16:464, 16:624])


def test_lists_of_paths(tmp_path, ask):
    write_nyu_folder(tmp_path, numbers=(1, 2, 3))
    (tmp_path / "test_files.txt").write_text("img_val/00003\nimg_val/00001 0 l\n")
    dataset = build_dataset("nyuv2", ask(data_path=tmp_path, part="test", **CROPPED))
    assert all_names(dataset) == ["img_val/00003 0 l", "img_val/00001 0 l"]
    (tmp_path / "test_files.txt").write_text("img_val/00003 0\n")
    with pytest.raises(UserError, match=r"test_files\.txt, line 1: .*found 2 columns"):
        build_dataset("nyuv2", ask(data_path=tmp_path, part="test", **CROPPED))
    with pytest.raises(UserError, match="nyuv2, lines given: .*expected side l, because there is one camera, found r"):
        build_dataset("nyuv2", ask(data_path=tmp_path, lines=("img_val/00001 0 r",), **CROPPED))


def test_a_training_list_alone_is_divided(tmp_path, ask):
    write_nyu_folder(tmp_path, numbers=(1, 2, 3), part="train")
    (tmp_path / "train_files.txt").write_text("img_train/00003\nimg_train/00001\nimg_train/00002\n")
    train = build_dataset("nyuv2", ask(data_path=tmp_path, **CROPPED))
    assert all_names(train) == ["img_train/00003 0 l", "img_train/00001 0 l"]
    assert train.report.left_out == {"held out for validation": 1}
    assert all_names(build_dataset("nyuv2", ask(data_path=tmp_path, part="val", **CROPPED))) == ["img_train/00002 0 l"]


def test_what_is_missing_is_left_out_and_counted(tmp_path, ask):
    write_nyu_folder(tmp_path)
    (tmp_path / "depth_val/00001.npy").unlink()
    lines = ("img_val/00001", "img_val/00002", "img_train/00009")
    dataset = build_dataset("nyuv2", ask(data_path=tmp_path, lines=lines, with_depth=True, **CROPPED))
    assert all_names(dataset) == ["img_val/00002 0 l"]
    assert dataset.report.left_out == {"no ground-truth depth": 1, "target image missing": 1}
    assert dataset.report.examples["target image missing"] == [f"{tmp_path}/img_train/00009.png"]


def test_files_of_another_size(tmp_path, ask):
    write_nyu_folder(tmp_path)
    np.save(tmp_path / "depth_val/00002.npy", nyu_depth(2)[16:464, 16:624])
    dataset = build_dataset("nyuv2", ask(data_path=tmp_path, part="val", with_depth=True, **CROPPED))
    with pytest.raises(UserError, match=r"00002\.npy has 608x448 pixels where NYUv2 has 640x480"):
        dataset[1]
    write_picture(tmp_path / "img_val/00001.png", 1, 320, 240)
    with pytest.raises(UserError, match=r"00001\.png has 320x240 pixels where NYUv2 has 640x480"):
        build_dataset("nyuv2", ask(data_path=tmp_path, part="val", **CROPPED))


def test_a_folder_of_something_else(tmp_path, ask):
    with pytest.raises(UserError, match=r"has no images in img_val/, no test_files\.txt and no official file"):
        build_dataset("nyuv2", ask(data_path=tmp_path, part="test", **CROPPED))
