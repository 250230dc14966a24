"""The benchmark of loaders, in small: it runs, and what it compares are the same samples."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from benchmarks import decoders, loader, remote_shards
from benchmarks.loader_footage import write_drive
from benchmarks.plain_loading import PlainSamples
from benchmarks.worker_time import Turn, turns_with_workers
from selfsup_depth.datasets import DatasetRequest, ReaderOptions, build_dataset

FRAMES = (0, -1, 1, "s")


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp("drive"), 5)


def originals(drive, **changes):
    return build_dataset("kitti", DatasetRequest(64, 96, FRAMES, drive, **changes))


def test_it_runs_and_says_what_it_measured(tmp_path, monkeypatch, capsys):
    pytest.importorskip("cv2", reason="preparation needs OpenCV (extra `video`)")
    words = ["--frames", "6", "--height", "64", "--width", "96", "--workers", "1", "--rounds", "1", "--steps", "1"]
    words += ["--sizes", "128x64"]
    result, plot = tmp_path / "result.json", tmp_path / "plot.png"
    monkeypatch.setattr(
        "sys.argv", ["loader", *words, "--lidar", "--json", str(result), "--plot", str(plot), "--no_cuda"]
    )
    monkeypatch.setattr(loader, "LEAST_S", 0.05)
    loader.main()
    told = json.loads(result.read_text())
    ways = {"plain", "plain with LiDAR", "floor", "originals", "prepared", "shards, JPEG", "shards, exact", "in memory"}
    settings = ("96x64, batches of 12", "128x64, batches of 12")
    assert set(told["settings"]) == {f"{each}, {who}" for each in settings for who in ("one process", "workers")}
    for found in told["settings"].values():
        assert set(found) == ways
        assert found["prepared"]["times_base_cpu"] > 10  # far less than it is (RESULTS.md), for a machine that is busy
        assert found["plain"]["times_base_cpu"] == 1
    assert Image.open(plot).size == (720, 480)
    assert told["augmenting_ms"] > 0
    assert 0 <= told["waiting_for_data"] <= 1
    out = capsys.readouterr().out
    assert "times plain" in out
    assert "waits for data in" in out


def test_the_plain_way_is_the_published_one(drive):
    items = originals(drive).items
    plain = PlainSamples(drive, items, (64, 96), FRAMES, lidar=True)
    assert len(plain) == len(items)
    unjittered, jittered = plain[0], plain[2]
    for sample in (unjittered, jittered):
        kinds = ("color", "color_aug")
        colours = {f"{kind} {frame} {scale}" for kind in kinds for frame in FRAMES for scale in range(4)}
        cameras = {f"{kind} {scale}" for kind in ("K", "inv_K") for scale in range(4)}
        assert set(sample) == colours | cameras | {"stereo_T", "depth_gt"}
        for scale in range(4):
            assert sample[f"color s {scale}"].shape == (3, 64 // 2**scale, 96 // 2**scale)
            product = sample[f"K {scale}"] @ sample[f"inv_K {scale}"]
            assert torch.allclose(product, torch.eye(4), atol=1e-4)
        assert sample["depth_gt"].shape == (1, 375, 1242)
    assert torch.equal(unjittered["color 1 0"], unjittered["color_aug 1 0"])
    assert not torch.equal(jittered["color 1 0"], jittered["color_aug 1 0"])


def test_both_ways_see_the_same_pictures(drive):
    """Apart from the filter of the resize, and mirrored or not."""
    data = originals(drive)
    plain = PlainSamples(drive, data.items, (64, 96), FRAMES, lidar=False)
    for index in (0, 1):
        ours, theirs = data[index], plain[index]
        mirrored = theirs["stereo_T"][0, 3] * ours.stereo_T_target[0, 3] < 0
        for place, frame in enumerate(FRAMES):
            image = ours.images[place].float() / 255
            image = image.flip(-1) if mirrored else image
            assert (image - theirs[f"color {frame} 0"]).abs().mean() < 0.02


def test_the_plain_way_makes_the_published_depth(drive):
    """What it makes of a scan is what our reader makes on wish, with its quirks."""
    options = ReaderOptions(lidar_depth="published")
    data = originals(drive, with_depth=True, options=options)
    plain = PlainSamples(drive, data.items, (64, 96), FRAMES, lidar=True)
    for index in (0, 1):
        theirs = plain[index]
        mirrored = theirs["stereo_T"][0, 3] * data.source.stereo_T_target(data.items[index])[0, 3] < 0
        depth = theirs["depth_gt"][0].flip(-1) if mirrored else theirs["depth_gt"][0]
        expected = data.depth(index)
        assert (expected > 0).sum() > 10_000
        assert np.allclose(depth.numpy(), expected, atol=1e-3)


class Busy(Dataset):
    """Items that cost a worker so much CPU time."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> int:
        start = os.times().user
        while os.times().user - start < 0.05:
            pass
        return index


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="the workers' time is read from /proc")
def test_the_time_of_workers_counts():
    batches = [[0, 1], [2, 3]]
    received: list[list[int]] = []
    turns = {"busy": Turn(Busy(), list, received.append, batches, 4)}
    found = turns_with_workers(turns, workers=2, rounds=2, least_s=0.01)["busy"]
    assert len(found.cpu_s) == 2
    assert found.seconds("cpu") > 0.04
    assert received[:2] == batches


def test_decoders_are_compared_on_the_same_pixels(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["decoders", "--rounds", "1", "--frames", "1"])
    decoders.main()
    told = capsys.readouterr().out
    assert "times Pillow" in told and "torch, bytes, bilinear" in told
    monkeypatch.setattr(decoders, "decoders", lambda: {"torchvision": np.array, "other": lambda file: np.array(b"x")})
    with pytest.raises(AssertionError, match="other gives other pixels than torchvision"):
        decoders.main()


def test_indexed_shards_ask_for_little_and_kept_ones_for_nothing(monkeypatch, capsys):
    pytest.importorskip("webdataset")
    if shutil.which("curl") is None:
        pytest.skip("webdataset reads URLs with curl")
    monkeypatch.setattr("sys.argv", ["remote_shards", "--frames", "6", "--rounds", "1", "--delay_ms", "1"])
    remote_shards.main()
    told = [row.split("|") for row in capsys.readouterr().out.splitlines() if row.count("|") > 4]
    rows = {row[1].strip(): row for row in told}
    assert float(rows["kept"][4]) == 0 == float(rows["kept"][5])
    assert float(rows["indexed"][6]) < 0.75 * float(rows["streamed"][6])  # stored once, not once for every sample
