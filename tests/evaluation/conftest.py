"""A small KITTI tree, and a folder to be in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.kitti_files import write_kitti_raw
from tests.evaluation.running import LINES


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path: Path, in_tmp_path: None) -> Path:
    """Five frames, and their list under lists/ beside them."""
    root = write_kitti_raw(tmp_path / "kitti", LINES)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "test_files.txt").write_text("\n".join(LINES))
    return root
