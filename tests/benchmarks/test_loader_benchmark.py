"""The benchmark of loaders, in small: it runs, and what it compares are the same samples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import loader


def test_it_runs_and_says_what_it_measured(tmp_path, monkeypatch, capsys):
    pytest.importorskip("cv2", reason="preparation needs OpenCV (extra `video`)")
    words = ["--images", "14", "--height", "64", "--width", "96", "--workers", "0", "--rounds", "1", "--steps", "1"]
    result = tmp_path / "result.json"
    monkeypatch.setattr("sys.argv", ["loader", *words, "--json", str(result), "--no_cuda"])
    loader.main()
    told = json.loads(result.read_text())
    assert set(told) == {"plain", "originals", "prepared", "on the device", "waiting for data"}
    assert told["prepared"] > 3 * told["plain"]  # far less than it is (docs), for a machine that is busy
    assert 0 <= told["waiting for data"] <= 1
    out = capsys.readouterr().out
    assert "times plain" in out
    assert "waits for data in" in out


def test_the_plain_way_is_the_published_one(tmp_path, monkeypatch):
    files = []
    for frame in range(3):
        files.append(tmp_path / f"{frame}.png")
        Image.fromarray(np.full((60, 100, 3), 60 * frame, np.uint8)).save(files[-1])
    monkeypatch.setattr(loader.random, "random", lambda: 0.1)  # neither jittered nor mirrored
    (sample,) = loader.PlainSamples(files, (32, 64))
    assert len(sample) == 3 * 4 * 2
    for scale in range(4):
        assert sample[f"color -1 {scale}"].shape == (3, 32 // 2**scale, 64 // 2**scale)
        assert torch.equal(sample[f"color 1 {scale}"], sample[f"color_aug 1 {scale}"])
    assert sample["color 0 0"].mean() == pytest.approx(60 / 255)
    monkeypatch.setattr(loader.random, "random", lambda: 0.9)
    (sample,) = loader.PlainSamples(files, (32, 64))
    assert not torch.equal(sample["color 1 0"], sample["color_aug 1 0"])
