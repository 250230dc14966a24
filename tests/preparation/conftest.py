"""Preparing small footage in a test."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from selfsup_depth.datasets import DatasetRequest
from selfsup_depth.datasets.prepared import Prepared
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.preparation.output import Contents
from selfsup_depth.preparation.run import Task, prepare
from selfsup_depth.preparation.video_footage import VideoFootage

HEIGHT, WIDTH = 64, 96


class Videos:
    """Prepares videos in shards of four frames."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def task(self, data_path: Path, least: float = 0.0, workers: int = 2, **options: object) -> Task:
        footage = VideoFootage(data_path, FootageOptions(**options), HEIGHT, WIDTH)  # type: ignore[arg-type]
        contents = Contents({"height": HEIGHT, "min_motion": least}, footage.identity())
        return Task(footage, contents, (HEIGHT, WIDTH), least, workers, frames_of_a_shard=4)

    def prepare(self, data_path: Path, folder: Path | None = None, **options: object) -> Prepared:
        where = folder or self.folder
        prepare(self.task(data_path, **options), where, Console(file=io.StringIO()))  # type: ignore[arg-type]
        return self.read(where)

    def read(self, folder: Path, **request: object) -> Prepared:
        return Prepared(DatasetRequest(**({"height": HEIGHT, "width": WIDTH, "data_path": folder} | request)))  # type: ignore[arg-type]


@pytest.fixture
def videos(tmp_path) -> Videos:
    return Videos(tmp_path / "prepared")
