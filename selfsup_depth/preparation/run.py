"""Footage in, prepared set out: read ahead in threads, select, write shard by shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from selfsup_depth.datasets.prepared_files import Camera, StoredAs, images_file, read_views, tar_file
from selfsup_depth.datasets.storage import LocalStorage
from selfsup_depth.datasets.tar_members import decode_into, encode_image
from selfsup_depth.preparation.frames import Dropped, Footage, Moment, Place, ReadyView
from selfsup_depth.preparation.output import Contents, Done, begin, is_finished, only_writer_of, seal
from selfsup_depth.preparation.selection import MotionFilter
from selfsup_depth.preparation.shards import Shard, frames_of_a_shard
from selfsup_depth.preparation.tar_shards import JPEGS_FOR_AN_ARRAY, TarShard, stored_as

AHEAD = 3  # frames that wait for each thread: enough that none waits for the next
Views = dict[Camera, ReadyView]


@dataclass(frozen=True)
class Task:
    """What to prepare, and how."""

    footage: Footage
    contents: Contents
    size: tuple[int, int]  # height, width
    least_motion: float = 0.0  # pixels; 0 keeps every frame
    workers: int = 1
    frames_of_a_shard: int | None = None  # None: as many as make a file of a good size
    #: quality of the JPEGs in tar shards, 0: exact; None: arrays, not tar shards
    tar_quality: int | None = None

    def new_shard(self, number: int) -> Shard:
        return Shard(number) if self.tar_quality is None else TarShard(number, quality=self.tar_quality)

    @property
    def stored_as(self) -> StoredAs:
        return "arrays" if self.tar_quality is None else stored_as(self.tar_quality)

    @property
    def length_of_a_shard(self) -> int:
        times = JPEGS_FOR_AN_ARRAY if self.tar_quality else 1
        return self.frames_of_a_shard or times * frames_of_a_shard(*self.size)


def prepare(task: Task, folder: Path, console: Console) -> bool:
    """Makes the prepared set of a folder, or goes on with one that was stopped; False: it was there already.

    Nothing but the folder is written. Raises UserError when the folder holds something else, when another process
    prepares it, when the disk is full, and for footage that cannot be read.
    """
    with only_writer_of(folder):
        if is_finished(folder, task.contents):
            return False
        done = begin(folder, task.contents)
        if done.shards:
            console.print(f"going on after {done.tally.read} frames that are prepared already", highlight=False)
        writer = _Writer(task, folder, done)
        try:
            with _bar(console) as progress:
                bar = progress.add_task("preparing", total=task.footage.total, completed=done.tally.read)
                for found in _loaded_in_order(task.footage.moments(done.place), task.workers):
                    writer.take(found)
                    progress.update(bar, completed=writer.tally.read)
            writer.finish()
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped by Ctrl-C; {writer.written} frames are complete in {folder}: run the same "
                "command again to go on"
            ) from None
    return True


class _Writer:
    """Decides what is kept, gives every kept frame its place, and writes full shards."""

    def __init__(self, task: Task, folder: Path, done: Done) -> None:
        self.task, self.folder = task, folder
        self.tally, self.place = done.tally, done.place
        self.shard = task.new_shard(done.shards)
        self._length = task.length_of_a_shard
        self._motion = MotionFilter(task.least_motion)
        self._skipped = 0  # steps that dropped frames were apart, beyond one each
        self._tally_of_last_kept = deepcopy(self.tally)
        self.written = self.tally.kept
        if task.least_motion and done.shards:
            for images in _latest_images(folder, done.shards, task):
                self._motion.has_moved(images, begins=False, always=True)

    def take(self, found: tuple[Moment, Views] | Dropped) -> None:
        if isinstance(found, Dropped):
            self.tally.dropped[found.reason] += found.count
            return
        moment, views = found
        begins = self.place is None or (self.place.sequence, self.place.run) != (moment.sequence, moment.run)
        images = {camera: self._as_stored(view.image) for camera, view in views.items()}
        if not self._motion.has_moved(images, begins=begins, always=moment.always_kept):
            self.tally.dropped[self._motion.reason] += 1
            self._skipped += moment.gap - 1
            return
        position = 0 if begins or self.place is None else self.place.position + moment.gap + self._skipped
        self._skipped = 0
        self.place = Place(moment.sequence, moment.run, position, moment.number)
        self.shard.add(moment, self.place, views)
        self.tally.kept += 1
        self._tally_of_last_kept = deepcopy(self.tally)
        if len(self.shard.frames) == self._length:
            self._write()

    def finish(self) -> None:
        if self.shard.frames:
            self._write()
        task = self.task
        seal(self.folder, task.contents, task.footage, self.shard.number, task.size, self.tally, task.stored_as)

    def _as_stored(self, image: torch.Tensor) -> torch.Tensor:
        """What whoever goes on after a stop will compare with: motion is to be judged alike."""
        if not self.task.tar_quality or not self.task.least_motion:
            return image
        content, _ = encode_image(image, self.task.tar_quality)
        stored = torch.empty_like(image)
        decode_into(np.frombuffer(content, np.uint8), "jpg", stored)
        return stored

    def _write(self) -> None:
        # what was dropped after the last frame of the shard is counted again by who goes on after it
        self.shard.write(self.folder, self._tally_of_last_kept)
        self.written = self.tally.kept
        self.shard = self.task.new_shard(self.shard.number + 1)


def _latest_images(folder: Path, shards: int, task: Task) -> list[dict[Camera, torch.Tensor]]:
    """The last image of each camera in the last run, by their moments."""
    views = read_views(folder, shards)
    latest = {view.camera: view for view in views if view.moment[:2] == views[-1].moment[:2]}
    moments: dict[int, dict[Camera, torch.Tensor]] = {}
    for view in latest.values():
        image = torch.empty(3, *task.size, dtype=torch.uint8)
        if view.image_at is None:
            image.numpy()[...] = np.load(folder / images_file(view.camera, view.shard), mmap_mode="r")[view.row]
        else:
            start, size, _ = view.image_at
            (content,) = LocalStorage(folder).parts([(tar_file(view.shard), start, start + size)])
            decode_into(content, task.stored_as, image)
        moments.setdefault(view.moment[2], {})[view.camera] = image
    return [images for _, images in sorted(moments.items())]


def _loaded_in_order(stream: Iterator[Moment | Dropped], workers: int) -> Iterator[tuple[Moment, Views] | Dropped]:
    """The stream with the images of its moments, which threads load ahead: decoding and resizing release the GIL."""
    waiting: deque[tuple[Moment, Future[Views]] | Dropped] = deque()
    pending = 0
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        for element in stream:
            if isinstance(element, Dropped):
                waiting.append(element)
            else:
                waiting.append((element, pool.submit(element.load)))
                pending += 1
            while waiting and (pending > AHEAD * max(1, workers) or isinstance(waiting[0], Dropped)):
                first = waiting.popleft()
                if isinstance(first, Dropped):
                    yield first
                else:
                    pending -= 1
                    yield first[0], first[1].result()
        for first in waiting:
            yield first if isinstance(first, Dropped) else (first[0], first[1].result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
