"""Parts of remote shards that were read once come from the disk, for every process, up to a limit."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from prepared_sets import prepare_pairs
from shard_server import serve
from stereo_footage import write_stereo_folder
from torch.utils.data import DataLoader

from selfsup_depth.datasets import DatasetRequest, ReaderOptions, ShardCacheOptions, ViewDataset, build_dataset, collate
from selfsup_depth.datasets.shard_cache import ShardCache
from selfsup_depth.errors import UserError


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    return prepare_pairs(root / "set", write_stereo_folder(root / "wall"), tar_quality=95)


@pytest.fixture
def server(shards):
    with serve(shards) as server:
        yield server


def opened(url: str, folder: Path, limit: int = 1 << 30, **changes: object) -> ViewDataset:
    options = ReaderOptions(shard_cache=ShardCacheOptions(folder, limit))
    return build_dataset("shards", DatasetRequest(32, 64, (0, -1, 1, "s"), url, options=options, **changes))


def images_of(data: ViewDataset) -> torch.Tensor:
    return torch.stack([sample.images for sample in data])


def requests_of_tars(server) -> int:
    return sum(name.endswith(".tar") for name, _ in server.asked)


def test_later_epochs_and_runs_ask_for_nothing(server, shards, tmp_path):
    first = opened(server.url, tmp_path)
    read = images_of(first)
    asked = requests_of_tars(server)
    assert asked > 0
    assert torch.equal(images_of(first), read)
    assert torch.equal(images_of(opened(server.url, tmp_path)), read)
    assert torch.equal(read, images_of(build_dataset("shards", DatasetRequest(32, 64, (0, -1, 1, "s"), shards))))
    assert requests_of_tars(server) == asked


def test_workers_share_it(server, tmp_path):
    data = opened(server.url, tmp_path)
    for _ in range(2):
        for batch in DataLoader(data, batch_size=2, collate_fn=collate, num_workers=2):
            assert torch.equal(batch.images[:, 0], data[batch.indices[0]].images)
    asked = requests_of_tars(server)
    images_of(data)
    assert requests_of_tars(server) == asked


def test_depth_is_kept_too(server, tmp_path):
    for _ in range(2):
        data = opened(server.url, tmp_path, part="val", with_depth=True)
        depth = [data.depth(index) for index in range(len(data))]
        asked = requests_of_tars(server)
    assert all(each.shape == (64, 96) for each in depth)
    assert requests_of_tars(server) == asked
    assert len([name for name, _ in server.asked if name.endswith(".tar")]) == asked


def test_no_more_is_kept_than_may_be(server, shards, tmp_path):
    sizes = [path.stat().st_size for path in sorted(shards.glob("*.tar"))]
    data = opened(server.url, tmp_path, limit=sizes[0] + sizes[1] // 2)
    images_of(data)
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["shard_00000.have", "shard_00000.tar"]
    assert (folder / "shard_00000.tar").stat().st_size <= sizes[0]
    before = requests_of_tars(server)
    images_of(data)
    assert 0 < requests_of_tars(server) - before < before


def test_bytes_that_were_lost_on_the_disk_are_read_again(server, tmp_path):
    """As after a loss of power: marked as there, and not."""
    data = opened(server.url, tmp_path)
    read = images_of(data)
    (folder,) = tmp_path.iterdir()
    for path in folder.glob("*.tar"):
        path.write_bytes(b"\0" * path.stat().st_size)
    assert torch.equal(images_of(opened(server.url, tmp_path)), read)


def test_shards_that_were_deleted_are_read_again(server, tmp_path):
    """To make room, without the small files that say what of them is there."""
    data = opened(server.url, tmp_path)
    read = images_of(data)
    (folder,) = tmp_path.iterdir()
    for path in folder.glob("*.tar"):
        path.unlink()
    assert torch.equal(images_of(opened(server.url, tmp_path)), read)
    asked = requests_of_tars(server)
    assert torch.equal(images_of(data), read)
    assert requests_of_tars(server) == asked


def test_another_set_has_another_folder(server, tmp_path):
    opened(server.url, tmp_path)
    (folder,) = tmp_path.iterdir()
    assert folder.name == opened(server.url, tmp_path).source.manifest.fingerprint


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    cache = ShardCache(tmp_path, [1000], [4], 1000)

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(UserError, match=r"cannot be kept there \(No space left.*smaller --shard_cache_gb"):
        cache.keep(0, 1, 0, np.zeros(8, np.uint8))
    assert cache.get(0, 1, 0, 8) is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made .* SELFSUP_DEPTH_CACHE, or give --shard_cache_gb 0"):
        ShardCache(tmp_path / "file" / "cache", [1], [1], 1)
