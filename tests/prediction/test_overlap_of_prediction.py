"""Pictures are read, predicted and written at the same time: same files, little memory, no error lost."""

from __future__ import annotations

import errno
import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfsup_depth import overlap
from selfsup_depth.errors import UserError
from selfsup_depth.prediction import image_files, results, run
from selfsup_depth.prediction.colours import SteadyRange
from selfsup_depth.prediction.engines import TorchEngine
from selfsup_depth.prediction.formats import FORMATS

COUNT = 9


@pytest.fixture
def photos(tmp_path, save):
    for number in range(COUNT):
        save(tmp_path / "photos" / f"{number}.png", 20 * number)
    return tmp_path / "photos"


@pytest.fixture(params=[0, 1], ids=["as on a CPU", "as on a GPU"])
def batches_ahead(request, monkeypatch) -> int:
    """How many batches the device may still be busy with while files of the one before are handed over."""
    monkeypatch.setitem(overlap.BATCHES_AHEAD, "cpu", request.param)
    return request.param


def written_by(monkeypatch, write) -> None:
    """Let `write(path, picture)` stand before the writing of every .npy."""
    usual = FORMATS["npy"]
    monkeypatch.setitem(
        FORMATS, "npy", replace(usual, write=lambda path, picture: write(path, picture) or usual.write(path, picture))
    )


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_files_are_those_of_one_picture_at_a_time(batch, batches_ahead, predict, photos, tmp_path):
    assert predict(photos, "--output_directory", tmp_path / "alone", "--max_frames", COUNT) == 0
    assert predict(photos, "--batch_size", batch) == 0
    names = sorted(path.name for path in (tmp_path / "alone").iterdir())
    assert len(names) == 3 * COUNT
    for name in names:
        one, other = ((tmp_path / folder / name).read_bytes() for folder in ("alone", "out"))
        if name.endswith(".npy"):
            np.testing.assert_allclose(np.load(tmp_path / "out" / name), np.load(tmp_path / "alone" / name), rtol=1e-6)
        else:
            assert one == other


def test_steady_colours_and_smoothing_do_not_depend_on_batches(batches_ahead, predict, photos, tmp_path):
    options = ["--outputs", "npy", "side_by_side", "--temporal_smoothing", "0.5"]
    for batch in (1, 4):
        folder = tmp_path / f"out{batch}"
        assert predict(photos, *options, "--batch_size", batch, "--output_directory", folder) == 0
    for number in range(COUNT):
        one, other = (np.load(tmp_path / f"out{batch}" / f"{number}_depth.npy") for batch in (1, 4))
        np.testing.assert_allclose(other, one, rtol=1e-6)
    videos = [(tmp_path / f"out{batch}" / "photos_side_by_side.mp4").read_bytes() for batch in (1, 4)]
    assert videos[0] == videos[1]


def test_colours_of_a_sequence_follow_slowly_from_cut_to_cut(batches_ahead, monkeypatch, predict, tmp_path, save, ramp):
    brightnesses = (60, 70, 80, 240, 250)  # a cut before the fourth
    for number, brightness in enumerate(brightnesses):
        save(tmp_path / "photos" / f"{number}.png", ramp // 16 + brightness - 15)
    colours, add = [], results.Results.add

    def watched_add(self, frame, picture):
        colours.append((picture.colours, picture.depth))
        add(self, frame, picture)

    monkeypatch.setattr(results.Results, "add", watched_add)
    assert predict(tmp_path / "photos", "--outputs", "side_by_side", "--batch_size", 2) == 0
    expected = SteadyRange()
    for number, (found, depth) in enumerate(colours):
        wanted = expected.next(depth, is_cut=number in (0, 3))
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-5)
    assert len(colours) == len(brightnesses)


def test_a_gpu_has_its_next_batch_before_the_last_ones_files_are_asked_for(monkeypatch, predict, photos):
    monkeypatch.setitem(overlap.BATCHES_AHEAD, "cpu", 1)
    order = []
    start, add = run.Run._start, results.Results.add
    monkeypatch.setattr(run.Run, "_start", lambda self, *batch: order.append("start") or start(self, *batch))
    monkeypatch.setattr(results.Results, "add", lambda self, *picture: order.append("add") or add(self, *picture))
    assert predict(photos, "--batch_size", 4) == 0
    assert order == ["start", "start", *["add"] * 4, "start", *["add"] * 5]


def test_pictures_wait_in_small_numbers_when_writing_is_slow(monkeypatch, predict, tmp_path, save):
    for number in range(60):
        save(tmp_path / "photos" / f"{number:02d}.png", number)
    lock, decoded, written, most = threading.Lock(), [0], [0], [0]
    read = image_files.read_image

    def counted_read(path):
        with lock:
            decoded[0] += 1
            most[0] = max(most[0], decoded[0] - written[0])
        return read(path)

    def slow_write(path, picture):
        time.sleep(0.02)
        with lock:
            written[0] += 1

    monkeypatch.setattr(image_files, "read_image", counted_read)
    written_by(monkeypatch, slow_write)
    assert predict(tmp_path / "photos", "--outputs", "npy", "--batch_size", 2) == 0
    ahead = run.AHEAD + 2 + 1  # in the queue, and the one that has no place in it yet
    assert most[0] <= ahead + 2 + results.WAITING + 1
    assert most[0] > results.WAITING  # it was the writing that they waited for


def test_a_full_disk_is_told_and_earlier_pictures_are_complete(batches_ahead, monkeypatch, predict, photos, tmp_path):
    def full(path, picture):
        if path.name.startswith("5"):
            raise OSError(errno.ENOSPC, "No space left on device")

    written_by(monkeypatch, full)
    with pytest.raises(UserError, match=r"out cannot be written \(No space left on device\): give another folder"):
        predict(photos, "--batch_size", 2)
    sidecars = {path.stem for path in (tmp_path / "out").glob("*.json")}
    assert sidecars >= {"0", "1", "2", "3", "4"} and "5" not in sidecars
    assert threading.active_count() < 20


def test_ctrl_c_keeps_what_the_gpu_has_predicted(batches_ahead, monkeypatch, predict, photos, tmp_path):
    network, calls = TorchEngine.__call__, []

    def interrupted(self, images):
        calls.append(len(images))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return network(self, images)

    monkeypatch.setattr(TorchEngine, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt, match="6 depth maps are in"):
        predict(photos, "--batch_size", 2)
    assert len(list((tmp_path / "out").glob("*.json"))) == 6


def test_a_full_disk_is_told_though_ctrl_c_came_first(monkeypatch, predict, photos):
    network, calls, stopped = TorchEngine.__call__, [], threading.Event()

    def interrupted(self, images):
        calls.append(len(images))
        if len(calls) == 4:
            stopped.set()
            raise KeyboardInterrupt
        return network(self, images)

    def full(path, picture):
        if path.name.startswith("2"):
            stopped.wait(10)
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TorchEngine, "__call__", interrupted)
    written_by(monkeypatch, full)
    with pytest.raises(UserError, match=r"stopped by Ctrl-C, 2 depth maps are in .*, but .*No space left on device"):
        predict(photos)


def test_a_batch_larger_than_memory_names_the_size_that_fits(batches_ahead, monkeypatch, predict, photos):
    network = TorchEngine.__call__

    def of_three_at_most(self, images):
        if len(images) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return network(self, images)

    monkeypatch.setattr(TorchEngine, "__call__", of_three_at_most)
    with pytest.raises(UserError, match="8 images at once take more memory .*: 2 fit, so give --batch_size 2"):
        predict(photos, "--batch_size", 8)
    assert predict(photos, "--batch_size", 2) == 0


def test_frames_per_second_count_the_writing_and_say_who_waited(monkeypatch, predict, photos, capsys):
    monkeypatch.setattr(results, "THREADS", 1)
    written_by(monkeypatch, lambda path, picture: time.sleep(0.1))
    assert predict(photos, "--outputs", "npy") == 0
    spoken = r"\(([0-9.]+) frames per second; the network alone ([0-9.]+); .* (\d+)% for files"
    said = re.search(spoken, capsys.readouterr().out)
    whole, network, writing = (float(number) for number in said.groups())
    assert whole <= 10.0  # 0.1 s each, to the last one
    assert network > whole
    assert writing > 50
