"""NYUv2's official file: Matlab's axes, official parts, one handle per process, damage."""

from __future__ import annotations

import os
import pickle
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from selfsup_depth.datasets import build_dataset
from selfsup_depth.errors import UserError
from tests.datasets.indoor_files import nyu_depth, pixels, write_nyu_folder, write_nyu_mat, write_nyu_splits

h5py = pytest.importorskip("h5py", reason="the official file of NYUv2 is HDF5")

SMALL = {"height": 64, "width": 96}


def all_names(dataset) -> list[str]:
    return [dataset.name(i) for i in range(len(dataset))]


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The folder with both files, of six images; not to be changed."""
    root = tmp_path_factory.mktemp("nyu")
    write_nyu_mat(root)
    write_nyu_splits(root)
    return root


@pytest.fixture
def mine(tmp_path):
    """The folder with both files, of two images, to be changed."""
    write_nyu_mat(tmp_path, scenes=None, count=2)
    write_nyu_splits(tmp_path, train=(1,), test=(2,))
    return tmp_path


@pytest.mark.parametrize("name", ["", "nyu_depth_v2_labeled.mat"])
def test_the_official_test_set_counts_from_one(official, ask, name):
    dataset = build_dataset("nyuv2", ask(data_path=official / name, part="test", with_depth=True, **SMALL))
    assert all_names(dataset) == ["bath_0003 5 l", "bath_0003 6 l"]
    assert np.array_equal(dataset.image(0).permute(1, 2, 0).numpy(), pixels(5, 640, 480)[16:464, 16:624])
    assert np.array_equal(dataset.depth(0), nyu_depth(5)[16:464, 16:624])


def test_training_and_validation_divide_the_official_training_set_by_scenes(official, ask):
    train = build_dataset("nyuv2", ask(data_path=official, **SMALL))
    assert all_names(train) == ["kitchen_0001 1 l", "kitchen_0001 2 l"]
    assert train.report.left_out == {"held out for validation": 2}
    assert train.report.listed == 4
    val = build_dataset("nyuv2", ask(data_path=official, part="val", **SMALL))
    assert all_names(val) == ["office_0002 3 l", "office_0002 4 l"]


def test_a_file_without_scenes_is_one_scene(tmp_path, ask):
    write_nyu_mat(tmp_path, scenes=None)
    write_nyu_splits(tmp_path)
    assert all_names(build_dataset("nyuv2", ask(data_path=tmp_path, **SMALL))) == [f"nyuv2 {n} l" for n in (1, 2, 3)]
    assert all_names(build_dataset("nyuv2", ask(data_path=tmp_path, part="val", **SMALL))) == ["nyuv2 4 l"]


def test_splits_of_version_seven(mine, ask):
    with h5py.File(mine / "splits.mat", "w", userblock_size=512) as file:
        file["testNdxs"] = np.array([[2.0, 1.0]])
    assert all_names(build_dataset("nyuv2", ask(data_path=mine, part="test", **SMALL))) == ["nyuv2 2 l", "nyuv2 1 l"]


def test_lists_of_numbers(official, ask, tmp_path):
    (tmp_path / "mine.txt").write_text("kitchen_0001 2 l\nanything 5 l\n")
    request = ask(data_path=official, split=tmp_path / "mine.txt", part="test", **SMALL)
    assert all_names(build_dataset("nyuv2", request)) == ["kitchen_0001 2 l", "bath_0003 5 l"]
    (tmp_path / "mine.txt").write_text("kitchen_0001 2 l\nimg_val/00007 0 l\n")
    with pytest.raises(UserError, match=r"mine\.txt, line 2: .*expected 'scene number l' with a number from 1 to 6"):
        build_dataset("nyuv2", request)


def test_unpacked_folders_are_read_before_the_file(mine, ask):
    write_nyu_folder(mine, numbers=(1,))
    assert all_names(build_dataset("nyuv2", ask(data_path=mine, part="test", **SMALL))) == ["img_val/00001 0 l"]
    request = ask(data_path=mine / "nyu_depth_v2_labeled.mat", part="test", **SMALL)
    assert all_names(build_dataset("nyuv2", request)) == ["nyuv2 2 l"]


# --- one handle per process


class WhoReads(torch.utils.data.Dataset):
    """Each image with the process that read it and the one that opened the handle, which is no other afterwards."""

    def __init__(self, dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int, bool]:
        image = self.dataset[index].images[0]
        file = self.dataset.source.file
        handle = file.handle
        self.dataset[index]
        return image, os.getpid(), file._owner, file.handle is handle


def test_each_worker_opens_the_file_once_for_itself(official, ask):
    lines = tuple(f"x {number} l" for number in range(1, 7))
    dataset = build_dataset("nyuv2", ask(data_path=official, lines=lines, **SMALL))
    alone = [dataset[i].images[0] for i in range(6)]  # the parent has the file open when it forks
    loader = DataLoader(WhoReads(dataset), batch_size=None, num_workers=2, multiprocessing_context="fork")
    found = list(loader)
    assert all(torch.equal(image, here) for (image, *_), here in zip(found, alone, strict=True))
    readers = {reader for _, reader, _, _ in found}
    assert len(readers) == 2 and os.getpid() not in readers
    assert all(reader == owner and same for _, reader, owner, same in found)
    assert torch.equal(dataset[0].images[0], alone[0])  # and the parent's handle still works


def test_pickling_takes_no_handle_along(official, ask):
    dataset = build_dataset("nyuv2", ask(data_path=official, part="test", **SMALL))
    copy = pickle.loads(pickle.dumps(dataset))
    assert copy.source.file._handle is None
    assert torch.equal(copy[1].images, dataset[1].images)


def test_one_image_is_read_and_not_the_whole_file(official, ask, monkeypatch):
    dataset = build_dataset("nyuv2", ask(data_path=official, part="test", with_depth=True, **SMALL))
    asked = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: asked.append((self.name, key)) or get(self, key))
    dataset[0]
    assert asked == [("/images", 4), ("/depths", 4)]


# --- damage


def test_without_h5py(official, ask, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UserError, match=r"labeled\.mat is an HDF5 file, .* h5py is missing: pip install h5py"):
        build_dataset("nyuv2", ask(data_path=official, part="test", **SMALL))


def test_a_file_that_is_cut_off(mine, ask):
    path = mine / "nyu_depth_v2_labeled.mat"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"labeled\.mat cannot be opened as HDF5 \(.*: the download is incomplete"):
        build_dataset("nyuv2", ask(data_path=mine, part="test", **SMALL))
    path.write_text("<html>not found</html>")
    with pytest.raises(UserError, match=r"labeled\.mat cannot be opened as HDF5"):
        build_dataset("nyuv2", ask(data_path=path, part="test", **SMALL))


def test_damage_in_the_middle(mine, ask):
    path = mine / "nyu_depth_v2_labeled.mat"
    path.unlink()
    with h5py.File(path, "w") as file:
        images = file.create_dataset(
            "images", (2, 3, 640, 480), np.uint8, chunks=(1, 3, 640, 480), compression="gzip", fletcher32=True
        )
        images[:] = np.stack([pixels(n, 640, 480).transpose(2, 1, 0) for n in (1, 2)])
        file.create_dataset("depths", (2, 640, 480), np.float32, chunks=(1, 640, 480))
        place = images.id.get_chunk_info(1).byte_offset
    dataset = build_dataset("nyuv2", ask(data_path=path, lines=("x 1 l", "x 2 l"), **SMALL))
    with path.open("r+b") as raw:
        raw.seek(place + 5000)
        raw.write(bytes(5000))
    with pytest.raises(UserError, match=r"labeled\.mat cannot be read at entry 1 of 'images' \(.*: .* damaged"):
        dataset[1]


def test_an_hdf5_file_of_something_else(mine, ask):
    path = mine / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((2, 480, 640, 3), np.uint8)
    with pytest.raises(UserError, match=r"not NYUv2's labelled data: expected .*, found \(2, 480, 640, 3\) and None"):
        build_dataset("nyuv2", ask(data_path=mine, part="test", **SMALL))


def test_splits_that_are_missing_or_broken(mine, ask):
    request = ask(data_path=mine, part="test", **SMALL)
    (mine / "splits.mat").write_bytes(b"no matlab file at all" * 20)
    with pytest.raises(UserError, match=r"splits\.mat cannot be read for its entry 'testNdxs' \("):
        build_dataset("nyuv2", request)
    from scipy.io import savemat

    savemat(mine / "splits.mat", {"other": np.ones((3, 1))})
    with pytest.raises(UserError, match=r"splits\.mat cannot be read for its entry 'testNdxs' \(KeyError"):
        build_dataset("nyuv2", request)
    (mine / "splits.mat").unlink()
    with pytest.raises(UserError, match=r"splits\.mat is missing, which says what NYUv2's training and test images"):
        build_dataset("nyuv2", request)
    dataset = build_dataset("nyuv2", ask(data_path=mine, lines=("x 1 l",), **SMALL))  # nobody needs it here
    assert all_names(dataset) == ["nyuv2 1 l"]


@pytest.mark.parametrize(("numbers", "found"), [((0, 1), "2 up to 1"), ((1, 3), "2 up to 3"), ((), "0 up to 0")])
def test_splits_of_other_data(mine, ask, numbers, found):
    write_nyu_splits(mine, test=numbers)
    with pytest.raises(UserError, match=rf"'testNdxs' must have numbers of images, 1 to 2, found {found}"):
        build_dataset("nyuv2", ask(data_path=mine, part="test", **SMALL))
