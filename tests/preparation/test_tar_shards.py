"""Tar shards as they are written: the same bytes after a stop, judged alike, complete or not there."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from prepared_sets import prepare_pairs
from rich.console import Console
from stereo_footage import wall, write_stereo_folder
from video_files import wall_walk, write_calibration, write_video

from selfsup_depth.datasets import DatasetRequest, Shards
from selfsup_depth.datasets.tar_members import decode_into, encode_image
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.config import OutputConfig
from selfsup_depth.preparation.run import Task, prepare
from selfsup_depth.preparation.tar_shards import TarShard
from selfsup_depth.preparation.tasks import as_tar_shards

QUIET = Console(file=io.StringIO())
IMAGE = torch.from_numpy(wall(0.0, 0.0)[0]).permute(2, 0, 1)


class Stop(Exception):
    pass


def stopped_after(shards: int, folder: Path, task: Task, monkeypatch) -> None:
    write = TarShard.write

    def write_some(shard, *arguments):
        if shard.number == shards:
            raise Stop
        return write(shard, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(TarShard, "write", write_some)
        with pytest.raises(Stop):
            prepare(task, folder, QUIET)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("quality", [0, 95])
def test_going_on_after_a_stop_writes_the_same_bytes(videos, tmp_path, monkeypatch, quality):
    """Also which frames are dropped: after a stop motion is judged by images as they are stored."""
    pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
    path = write_video(tmp_path / "walk.avi", wall_walk(24))
    write_calibration(tmp_path)
    whole, cut = (as_tar_shards(videos.task(path, least=1.5), quality) for _ in range(2))
    prepare(whole, tmp_path / "whole", QUIET)
    stopped_after(2, tmp_path / "cut", cut, monkeypatch)
    assert not (tmp_path / "cut" / "prepared.json").is_file()
    with pytest.raises(UserError, match="was not finished: run the same prepare_data.py command again"):
        Shards(DatasetRequest(64, 96, data_path=tmp_path / "cut"))
    prepare(cut, tmp_path / "cut", QUIET)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert len(list((tmp_path / "cut").glob("*.tar"))) > 2


def test_a_set_of_another_quality_is_another_set(videos, tmp_path):
    pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
    path = write_video(tmp_path / "walk.avi", wall_walk(8))
    write_calibration(tmp_path)
    task = videos.task(path)
    prepare(as_tar_shards(task, 95), tmp_path / "set", QUIET)
    for other in (as_tar_shards(task, 0), task):
        with pytest.raises(UserError, match="holds a set prepared"):
            prepare(other, tmp_path / "set", QUIET)
    assert not prepare(as_tar_shards(task, 95), tmp_path / "set", QUIET)
    assert "shards" not in task.contents.options


def test_shards_of_jpegs_have_more_frames():
    task = Task(footage=None, contents=None, size=(192, 640))
    of_jpegs, exact = replace(task, tar_quality=95), replace(task, tar_quality=0)
    assert of_jpegs.length_of_a_shard == 4 * task.length_of_a_shard == 4 * exact.length_of_a_shard
    assert [each.stored_as for each in (task, of_jpegs, exact)] == ["arrays", "jpg", "npy"]


def test_the_same_frames_give_the_same_bytes(tmp_path):
    wall_folder = write_stereo_folder(tmp_path / "wall")
    one, other = (prepare_pairs(tmp_path / name, wall_folder, tar_quality=95) for name in ("one", "other"))
    assert content(one) == content(other)


@pytest.mark.parametrize("quality", [0, 50, 95, 100])
def test_members_are_read_as_they_were_written(quality):
    stored, skipped = encode_image(IMAGE, quality)
    out = torch.empty_like(IMAGE)
    decode_into(np.frombuffer(stored, np.uint8)[skipped:], "jpg" if quality else "npy", out)
    apart = (out.int() - IMAGE.int()).abs().float()
    assert apart.mean() <= {0: 0, 50: 6, 95: 2, 100: 0.7}[quality]


def test_members_of_another_size_are_no_images_of_it():
    stored, _ = encode_image(IMAGE, 95)
    with pytest.raises(ValueError, match=r"it holds an image \[3, 64, 96\], expected \[3, 8, 8\]"):
        decode_into(np.frombuffer(stored, np.uint8), "jpg", torch.empty(3, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize("quality", [-1, 1, 49, 101])
def test_qualities_that_make_no_sense_are_refused(quality):
    with pytest.raises(UserError, match=f"--shard_quality .* found {quality}; the default is 95"):
        OutputConfig(Path("out"), shards=True, shard_quality=quality)


def test_a_quality_without_shards_is_refused():
    with pytest.raises(UserError, match="--shard_quality 90 is about tar shards, but --shards is not given"):
        OutputConfig(Path("out"), shard_quality=90)
