"""The stream of moments: read ahead in threads, written in order, each frame at its place."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from stereo_footage import wall

from selfsup_depth.datasets import DatasetRequest
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Dropped, Footage, Moment, Place, ReadyView
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare
from splits import SplitLine

pytest.importorskip("cv2", reason="motion is measured with OpenCV (extra `video`)")
K = torch.tensor([[60.0, 0, 48], [0, 60.0, 32], [0, 0, 1]])


class Told(Footage):
    """Moments as a test tells them: where the camera stands, and what else is known of the moment."""

    made_from, has_stereo, recorded_size = "told", False, (96, 64)

    def __init__(self, *places: tuple[float, dict] | Dropped) -> None:
        self.places = places
        self.threads: set[int] = set()

    def identity(self) -> dict:
        return {}

    def moments(self, after: Place | None) -> Iterator[Moment | Dropped]:
        for number, told in enumerate(self.places):
            if isinstance(told, Dropped):
                yield told
            else:
                x, facts = told
                usual = {"sequence": "a", "run": 0, "time_s": None, "number": number}
                yield Moment(**(usual | facts), load=self.load(x, number))

    def camera(self, number: int) -> str:
        return "left"

    def load(self, x: float, number: int):
        def loaded() -> dict:
            self.threads.add(threading.get_ident())
            time.sleep(0.02 * (number % 3 == 0))  # some come later than those behind them
            if x < 0:
                raise UserError(f"frame {number} is not readable")
            camera = self.camera(number)
            image = torch.from_numpy(wall(x + 0.5 * (camera == "right"), 0.0)[0]).permute(2, 0, 1)
            return {camera: ReadyView(SplitLine("a", number, camera[0]), image, K)}

        return loaded


def run(folder: Path, footage: Footage, least: float = 0.0, workers: int = 3) -> Prepared:
    task = Task(footage, Contents({}, {}), (64, 96), least, workers)
    prepare(task, folder, Console(file=io.StringIO()))
    return Prepared(DatasetRequest(64, 96, data_path=folder, part="test"))


def positions(source: Prepared) -> dict[int, tuple[int, int]]:
    """Number -> run and position."""
    return {view.number: view.moment[1:] for view in source._views}


def test_frames_are_written_in_order_whichever_thread_is_first(tmp_path):
    footage = Told(*((0.2 * n, {}) for n in range(12)))
    source = run(tmp_path, footage)
    assert [view.frame for view in source.items()] == list(range(12))
    assert len(footage.threads) > 1
    for number in (0, 5, 11):
        expected = torch.from_numpy(wall(0.2 * number, 0.0)[0]).permute(2, 0, 1)
        assert torch.equal(source.read_image(SplitLine("a", number, "l")), expected)


def test_a_gap_stays_as_wide_when_a_frame_beside_it_is_dropped(tmp_path):
    """Frame 2 stands 3 steps after frame 1 and did not move: frame 3 is then 3 steps after frame 1."""
    source = run(tmp_path, Told((0.0, {}), (0.3, {}), (0.3, {"gap": 3}), (0.6, {}), (0.9, {"gap": 2})), least=0.5)
    assert positions(source) == {0: (0, 0), 1: (0, 1), 3: (0, 4), 4: (0, 6)}


def test_positions_begin_anew_in_every_run(tmp_path):
    told = Told((0.0, {}), (0.0, {"gap": 5}), (0.3, {"run": 1, "gap": 4}), (0.6, {"run": 1}))
    source = run(tmp_path, told, least=0.5)
    assert positions(source) == {0: (0, 0), 2: (1, 0), 3: (1, 1)}


class RandomSides(Told):
    def camera(self, number: int) -> str:
        return "lr"[number % 2].replace("l", "left").replace("r", "right")

    def moments(self, after: Place | None) -> Iterator[Moment | Dropped]:
        yield from (found for found in super().moments(after) if after is None or found.number > after.number)


@pytest.mark.parametrize("stop", [None, 2, 3])
def test_images_of_random_sides_are_compared_with_those_of_their_side(tmp_path, stop):
    """Two of each place: a camera that stands still is not taken for one that jumps from side to side."""
    places = [0.0, 0.0, 0.0, 0.0, 0.3, 0.3, 0.3, 0.3]
    task = Task(RandomSides(*((x, {}) for x in places)), Contents({}, {}), (64, 96), 0.5, 1, frames_of_a_shard=2)
    if stop is not None:
        broken = RandomSides(*((x if n < stop else -1.0, {}) for n, x in enumerate(places)))
        with pytest.raises(UserError, match="is not readable"):
            prepare(replace(task, footage=broken), tmp_path, Console(file=io.StringIO()))
    prepare(task, tmp_path, Console(file=io.StringIO()))
    source = Prepared(DatasetRequest(64, 96, data_path=tmp_path, part="test"))
    assert list(positions(source)) == [0, 1, 4, 5]


def test_what_is_always_kept_is_kept(tmp_path):
    source = run(tmp_path, Told((0.0, {}), (0.0, {"always_kept": True}), (0.0, {})), least=0.5)
    assert list(positions(source)) == [0, 1]


def test_an_unreadable_frame_stops_with_its_own_sentence(tmp_path):
    with pytest.raises(UserError, match="frame 3 is not readable"):
        run(tmp_path, Told((0.0, {}), Dropped("left out"), (0.3, {}), (-1.0, {})))
    assert not (tmp_path / "prepared.json").exists()


def test_dropped_frames_are_counted_by_reason(tmp_path):
    run(tmp_path, Told(Dropped("early"), (0.0, {}), Dropped("late", 3), Dropped("late")), workers=0)
    told = (tmp_path / "prepared.json").read_text()
    assert '"frames":{"kept":1,"dropped":{"early":1,"late":4}}' in told
