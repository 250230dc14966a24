"""Tar shards give what the prepared set of the same footage gives: from a disk or a URL, whoever reads what."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from prepared_sets import prepare_pairs
from shard_server import ShardServer, serve
from stereo_footage import write_stereo_folder
from torch.utils.data import DataLoader

from selfsup_depth.datasets import DatasetRequest, ViewDataset, build_dataset, collate
from selfsup_depth.datasets.prepared_files import tar_file
from selfsup_depth.errors import UserError
from trainer.sampler import EpochSampler

FRAMES = (0, -1, 1, "s")


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    """The same pairs as arrays, as exact shards and as shards of JPEGs."""
    root = tmp_path_factory.mktemp("sets")
    wall = write_stereo_folder(root / "wall", frames=14)
    return {
        name: prepare_pairs(root / name, wall, tar_quality=quality)
        for name, quality in (("arrays", None), ("exact", 0), ("jpeg", 95))
    }


@pytest.fixture
def server(sets):
    with serve(sets["exact"]) as server:
        yield server


def ask(path: object, **changes: object) -> DatasetRequest:
    return DatasetRequest(**({"height": 32, "width": 64, "data_path": path, "frame_ids": FRAMES} | changes))  # type: ignore[arg-type]


def training(path: object, **changes: object) -> ViewDataset:
    return build_dataset("shards", ask(path, is_train=True, **changes))


def assert_same_samples(one: ViewDataset, other: ViewDataset) -> None:
    assert [one.name(index) for index in range(len(one))] == [other.name(index) for index in range(len(other))]
    for index in range(len(one)):
        mine, theirs = one[(2, index)], other[(2, index)]
        assert torch.equal(mine.images, theirs.images)
        assert torch.equal(mine.intrinsics, theirs.intrinsics)
        assert torch.equal(mine.stereo_T_target, theirs.stereo_T_target)
        assert mine.augmentation == theirs.augmentation
        assert np.array_equal(one.depth(index), other.depth(index))


# --- what is in them


@pytest.mark.parametrize("where", ["folder", "file://", "memory://", "http://"])
def test_exact_shards_are_the_prepared_set(sets, server, where):
    path: object = sets["exact"]
    if where == "file://":
        path = Path(f"file://{path}")
    elif where == "memory://":
        memory = fsspec.filesystem("memory")
        memory.put(f"{path}/", "/a set/", recursive=True)
        path = Path("memory://a set")
    elif where == "http://":
        path = Path(server.url)  # as the options hold it: with one slash
    assert_same_samples(training(path), build_dataset("prepared", ask(sets["arrays"], is_train=True)))


def test_images_as_jpegs_are_nearly_the_same(sets):
    jpegs, exact = training(sets["jpeg"]), training(sets["exact"])
    for index in range(len(exact)):
        apart = (jpegs[index].images.int() - exact[index].images.int()).abs()
        assert 0 < apart.float().mean() < 2.5 and apart.max() <= 20
        assert np.array_equal(jpegs.depth(index), exact.depth(index))
    sizes = [sum(path.stat().st_size for path in sets[name].glob("*.tar")) for name in ("jpeg", "exact")]
    assert sizes[0] < 0.9 * sizes[1]


@pytest.mark.parametrize("name", ["exact", "jpeg"])
def test_webdataset_reads_them(sets, name):
    webdataset = pytest.importorskip("webdataset")
    files = sorted(str(path) for path in sets[name].glob("*.tar"))
    found = {}
    for sample in webdataset.WebDataset(files, shardshuffle=False).decode("torchrgb8"):
        for camera, told in sample["json"]["views"].items():
            image = sample[f"{camera}.jpg" if name == "jpeg" else f"{camera}.npy"]
            found[tuple(told["name"])] = (torch.as_tensor(image), told, sample.get(f"{camera}.depth.npz"))
    ours = training(sets[name])
    assert set(found) == {(view.name.folder, view.name.frame, view.name.side) for view in ours.source._views}
    for index, item in enumerate(ours.items):
        image, told, depth = found[item.folder, item.frame, item.side]
        if item.folder == "wall" and item.frame < 3:
            continue  # the validation part has images of the same names
        assert torch.equal(image, ours[index].images[0])
        assert np.allclose(told["intrinsics"], ours[index].intrinsics[0].flatten())
        assert (depth is None) == (ours.depth(index) is None)


def test_members_lie_where_the_facts_say(sets):
    ours = training(sets["exact"])
    for view in ours.source._views:
        with tarfile.open(sets["exact"] / tar_file(view.shard)) as tar:
            start, size, _ = view.image_at
            (member,) = [each for each in tar.getmembers() if each.offset_data <= start < each.offset_data + each.size]
            assert member.name.endswith(f".{view.camera}.npy")
            assert member.offset_data + member.size == start + size
            stored = np.load(io.BytesIO(tar.extractfile(member).read()))
        assert np.array_equal(stored, ours.source.read_image(view.name)) or view.name.frame < 3


def test_parts_and_lists_are_those_of_the_prepared_set(sets):
    for part in ("train", "val", "test"):
        one = build_dataset("shards", ask(sets["jpeg"], part=part, frame_ids=(0,), with_depth=True))
        other = build_dataset("prepared", ask(sets["arrays"], part=part, frame_ids=(0,), with_depth=True))
        assert one.items == other.items
    chosen = training(sets["jpeg"], lines=("wall 4 l",), frame_ids=(0, 1))
    assert [chosen.name(0)] == ["wall 4 l"]
    assert chosen.source.image_path(chosen.items[0]).startswith(f"{sets['jpeg']}/shard_0000")
    assert chosen.source.made_from == "stereo_folder"


def test_each_kind_of_set_is_read_by_its_own_name(sets):
    with pytest.raises(UserError, match="is a set of tar shards: read it with --dataset shards"):
        build_dataset("prepared", ask(sets["exact"]))
    with pytest.raises(UserError, match="is a prepared set of arrays: read it with --dataset prepared"):
        build_dataset("shards", ask(sets["arrays"]))


# --- order, workers, ranks, resuming


def names(data: ViewDataset, batches: list[list[tuple[int, int]]], workers: int) -> list[list[str]]:
    loader = DataLoader(data, batch_sampler=batches, collate_fn=collate, num_workers=workers)
    return [batch.names for batch in loader]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_is_divided_among_processes_and_workers_and_goes_on_in_its_middle(server, workers):
    """The order is a function of (seed, epoch); process `rank` of `world_size` takes every so many-th batch of it."""
    data, world_size = training(server.url), 2
    sampler = EpochSampler(len(data), batch_size=3, seed=5)
    seen: list[str] = []
    for rank in range(world_size):
        sampler.start_at(epoch=1)
        batches = list(sampler)[rank::world_size]
        whole = names(data, batches, workers)
        seen += [name for batch in whole for name in batch]
        assert names(training(server.url), batches[2:], workers) == whole[2:]  # another process, from its third batch
    sampler.start_at(epoch=1)
    assert sorted(seen) == sorted(data.name(index) for batch in sampler for _, index in batch)
    assert len(seen) == len(set(seen)) == len(data) // 3 * 3
    first = [[index for _, index in batch] for batch in sampler]
    sampler.start_at(epoch=2)
    assert first != [[index for _, index in batch] for batch in sampler]


def test_a_worker_receives_neither_bytes_nor_connections(sets, server):
    for path in (sets["exact"], server.url):
        data = training(path)
        data[0]
        sent = pickle.dumps(data)
        assert len(sent) < 60_000 < sum(file.stat().st_size for file in sets["exact"].glob("*.tar"))
        assert torch.equal(pickle.loads(sent)[0].images, data[0].images)


def test_a_batch_is_one_wait(server: ShardServer):
    """Its parts are asked for together, and neighbouring images at once."""
    data = training(server.url)
    server.delay_s = 0.2
    server.asked.clear()
    (batch,) = DataLoader(data, batch_sampler=[[(0, index) for index in range(0, 16, 2)]], collate_fn=collate)
    assert batch.images.shape[:2] == (4, 8)
    assert {name.endswith(".tar") for name, _ in server.asked} == {True}
    assert len(server.asked) <= 4  # eight samples of four images, in four shards
    assert server.most_at_once > 1


# --- bad input


def copy_of(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


def truncate(path: Path) -> str:
    """What is to be said of it."""
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[: whole // 2])
    return f"{path.name} holds {whole // 2} bytes, but {whole} were written: it is truncated; copy it there again"


def test_a_truncated_shard_is_named_before_training(sets, tmp_path):
    spoilt = copy_of(sets["exact"], tmp_path / "spoilt")
    with pytest.raises(UserError, match=truncate(spoilt / "shard_00001.tar")):
        training(spoilt)
    (spoilt / "shard_00001.tar").unlink()
    with pytest.raises(UserError, match=r"shard_00001\.tar is missing: copy the whole set there again"):
        training(spoilt)


def test_a_truncated_or_missing_shard_at_a_url_is_named_when_it_is_missed(sets, tmp_path):
    spoilt = copy_of(sets["exact"], tmp_path / "spoilt")
    told = truncate(spoilt / "shard_00001.tar")
    with serve(spoilt) as server:
        data = training(server.url)
        with pytest.raises(UserError, match=told):
            [data[index] for index in range(len(data))]
        (spoilt / "shard_00001.tar").write_bytes(b"")
        with pytest.raises(UserError, match=r"shard_00001\.tar holds 0 bytes"):
            [data[index] for index in range(len(data))]
        (spoilt / "shard_00001.tar").unlink()
        with pytest.raises(UserError, match=r"shard_00001\.tar is missing"):
            [data[index] for index in range(len(data))]


def test_other_bytes_than_were_written_are_noticed(sets, tmp_path):
    spoilt = copy_of(sets["exact"], tmp_path / "spoilt")
    path = spoilt / "shard_00000.tar"
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with serve(spoilt) as server, pytest.raises(UserError, match=r"from byte \d+ on are not those written\): delete"):
        [sample for sample in training(server.url)]


def test_a_broken_jpeg_is_named(sets, tmp_path):
    spoilt = copy_of(sets["jpeg"], tmp_path / "spoilt")
    data = training(spoilt)
    view = data.source._by_name[data.items[0]]
    with (spoilt / tar_file(view.shard)).open("r+b") as file:
        file.seek(view.image_at[0])
        file.write(b"\0" * 200)
    with pytest.raises(UserError, match=r"shard_00000\.tar, byte \d+ cannot be read as a part of a prepared set"):
        data[0]


def test_damaged_facts_and_depth_are_named(sets, tmp_path):
    spoilt = copy_of(sets["exact"], tmp_path / "spoilt")
    data = training(spoilt)
    start, size, _ = data.source._by_name[data.items[0]].depth_at
    with (spoilt / "shard_00000.tar").open("r+b") as file:
        file.seek(start)
        file.write(b"\0" * size)
    with pytest.raises(UserError, match=r"shard_00000\.tar cannot be read as a part"):
        data.depth(0)
    facts = json.loads((spoilt / "facts_00000.json").read_text())
    for frame in facts["frames"]:
        for view in frame["views"].values():
            view["image_at"] = None
    (spoilt / "facts_00000.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match="nothing says where in its shard the image is"):
        training(spoilt)
