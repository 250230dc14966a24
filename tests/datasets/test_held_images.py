"""Images in memory: the same samples, read once, shared by workers, and refused where they do not fit."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from selfsup_depth.datasets import ViewDataset, build_dataset, collate, hold_images
from selfsup_depth.datasets import held_images as module
from selfsup_depth.datasets.held_images import free_memory
from selfsup_depth.errors import UserError
from splits import SplitLine


@pytest.fixture
def data(trees, ask) -> ViewDataset:
    path = trees.stereo_folder(parts=("train",))
    return build_dataset(
        "stereo_folder", ask(data_path=path, frame_ids=(0, -1, "s"), is_train=True, height=16, width=24)
    )


def no_tick(done: int, total: int) -> None:
    pass


def test_samples_are_the_same_and_every_image_is_read_once(data, monkeypatch):
    expected = [data[(3, index)] for index in range(len(data))]
    read: list[SplitLine] = []
    read_into = type(data.source).read_into

    def counted(source, view, out):
        read.append(view)
        return read_into(source, view, out)

    monkeypatch.setattr(type(data.source), "read_into", counted)
    ticks: list[tuple[int, int]] = []
    held = hold_images(data, 2, lambda *told: ticks.append(told))
    assert sorted(map(str, read)) == sorted({str(view) for view in data.views()})
    assert held.pixels.size == len(read) * 3 * 16 * 24
    assert ticks[-1] == (len(read), len(read))
    for index, sample in enumerate(expected):
        again = data[(3, index)]
        assert torch.equal(again.images, sample.images)
        assert torch.equal(again.intrinsics, sample.intrinsics)
        again.images.zero_()  # what is done to a sample does not reach the memory
        assert data[(3, index)].images.any()
    assert len(read) == len(data.views())


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_share_the_memory(data, start):
    held = hold_images(data, 1, no_tick)
    assert len(pickle.dumps(data)) < len(pickle.dumps(data.source)) + 4000 + 3 * 16 * 24
    held.image(0).fill_(77)  # seen by workers, so it is this memory that they read
    loader = DataLoader(data, batch_size=2, collate_fn=collate, num_workers=1, multiprocessing_context=start)
    views = [[data._view(data.items[index], frame) for frame in (0, -1, "s")] for index in range(len(data))]
    for batch in loader:
        for place, index in enumerate(batch.indices):
            for frame, view in enumerate(views[index]):
                assert torch.equal(batch.images[frame, place], held.image(held.rows[view]))


def test_the_recorded_targets_are_read_from_it_too(data, monkeypatch):
    expected = data.recorded()[0]
    hold_images(data, 1, no_tick)
    monkeypatch.setattr(type(data.source), "read_into", None)
    assert torch.equal(data.recorded()[0].images, expected.images)


def test_what_does_not_fit_is_refused(data, monkeypatch):
    images = len(data.views())
    needed = images * 3 * 16 * 24
    monkeypatch.setattr(module, "free_memory", lambda: int(needed / 0.79))
    hold_images(data, 1, no_tick)
    monkeypatch.setattr(module, "free_memory", lambda: int(needed / 0.81))
    told = rf"--in_memory needs 0\.0 GB \({images} images of 24x16\), but 0\.0 GB of memory are free here and 80%"
    with pytest.raises(UserError, match=told):
        hold_images(data, 1, no_tick)
    monkeypatch.setattr(module, "free_memory", lambda: int(needed / 0.79))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UserError, match="for each of 2 processes .* what prepare_data.py writes"):
        hold_images(data, 1, no_tick)
    monkeypatch.setattr(module, "free_memory", lambda: None)  # a system that does not say
    hold_images(data, 1, no_tick)


def test_free_memory_is_that_of_the_machine_or_of_its_group(tmp_path, monkeypatch):
    free = free_memory()
    assert free is None or 1 << 20 < free < 1 << 45
    if free is None:
        return
    (tmp_path / "max").write_text("3000000")
    (tmp_path / "current").write_text("1000000")
    monkeypatch.setattr(module, "CGROUPS", ((str(tmp_path / "max"), str(tmp_path / "current")),))
    assert free_memory() == 2_000_000
    (tmp_path / "max").write_text("max\n")
    assert free_memory() > 2_000_000


def test_an_image_that_cannot_be_read_is_named(data):
    path = data.source.image_path(data.items[2])
    with open(path, "wb") as file:
        file.write(b"no image")
    with pytest.raises(UserError, match="cannot be read as an image"):
        hold_images(data, 2, no_tick)
    assert data.held is None
