"""A cached folder is complete and valid, or not there."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from selfsup_depth.datasets.builtin import cache
from selfsup_depth.datasets.builtin.cache import MANIFEST, default_cache_dir, ensure_folder, is_valid, render_frames
from selfsup_depth.datasets.builtin.pool import run_all
from selfsup_depth.errors import UserError

PARAMETERS = {"frames": 3, "format_version": 1}


def write_file(folder: Path) -> None:
    (folder / "data.txt").write_text("rendered")


def fail(folder: Path) -> None:
    (folder / "data.txt").write_text("half")
    raise RuntimeError("out of paint")


def test_a_second_call_renders_nothing(tmp_path):
    first = ensure_folder(tmp_path / "new" / "cache", "drive", PARAMETERS, write_file)
    assert (first / "data.txt").read_text() == "rendered"
    assert ensure_folder(tmp_path / "new" / "cache", "drive", PARAMETERS, fail) == first


def test_other_parameters_are_rendered_anew(tmp_path):
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "stale.txt").write_text("of an older format")
    (tmp_path / "drive" / MANIFEST).write_text('{"frames": 3, "format_version": 0}')
    folder = ensure_folder(tmp_path, "drive", PARAMETERS, write_file)
    assert sorted(path.name for path in folder.iterdir()) == ["data.txt", MANIFEST]


def test_a_folder_without_a_readable_manifest_is_not_valid(tmp_path):
    assert not is_valid(tmp_path, PARAMETERS)
    (tmp_path / MANIFEST).write_text("{ cut off")
    assert not is_valid(tmp_path, PARAMETERS)


def test_a_failed_rendering_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError, match="out of paint"):
        ensure_folder(tmp_path, "drive", PARAMETERS, fail)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_rendering_leaves_no_valid_folder_and_is_cleared_away(tmp_path):
    program = (
        "import os, runpy, signal, sys\n"
        "from pathlib import Path\n"
        "def render(folder):\n"
        "    (folder / 'data.txt').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"ensure_folder = runpy.run_path({cache.__file__!r})['ensure_folder']\n"
        f"ensure_folder(Path(sys.argv[1]), 'drive', {PARAMETERS!r}, render)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -9
    left = list(tmp_path.iterdir())
    assert len(left) == 1 and left[0].name.startswith(".drive.partial-")
    ensure_folder(tmp_path, "drive", PARAMETERS, write_file)
    assert [path.name for path in tmp_path.iterdir()] == ["drive"]


def test_the_work_of_a_process_that_still_lives_is_left_alone(tmp_path):
    other = tmp_path / f".drive.partial-{socket.gethostname()}-1"  # process 1 always lives
    other.mkdir()
    ensure_folder(tmp_path, "drive", PARAMETERS, write_file)
    assert other.is_dir()


def test_two_processes_that_render_the_same_agree(tmp_path):
    def slower(folder: Path) -> None:
        ensure_folder(tmp_path / "elsewhere", "drive", PARAMETERS, write_file).rename(tmp_path / "drive")
        (folder / "data.txt").write_text("too late")

    folder = ensure_folder(tmp_path, "drive", PARAMETERS, slower)
    assert (folder / "data.txt").read_text() == "rendered"
    assert not list(tmp_path.glob(".drive*"))


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "mine"))
    assert default_cache_dir() == tmp_path / "mine"
    monkeypatch.delenv("SELFSUP_DEPTH_CACHE")
    assert default_cache_dir() == Path.home() / ".cache" / "selfsup_depth"


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nobody"])
def test_a_cache_that_cannot_be_written_is_one_sentence(folder, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / folder))
    with pytest.raises(UserError, match=rf"cache folder {tmp_path / folder}, which cannot be written .*CACHE\.$"):
        ensure_folder(None, "drive", PARAMETERS, fail)


def test_a_home_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "home").write_text("no folder")
    monkeypatch.delenv("SELFSUP_DEPTH_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(UserError, match="home/.cache/selfsup_depth, which cannot be written"):
        ensure_folder(None, "drive", PARAMETERS, fail)


def test_one_worker_renders_in_this_process():
    done: list[int] = []
    run_all(done.append, range(4), workers=1, description="counting")
    assert done == [0, 1, 2, 3]


def test_all_frames_are_rendered_before_the_scene_is_forgotten():
    done: list[object] = []
    render_frames(done.append, 3, 1, of="drive", forget=lambda: done.append("forgotten"))
    assert done == [0, 1, 2, "forgotten"]


def test_no_worker_at_all_is_refused():
    with pytest.raises(UserError, match="workers=0"):
        run_all(math.sqrt, [4], workers=0, description="nobody")


def test_a_worker_that_is_killed_is_a_plain_sentence():
    with pytest.raises(UserError, match="workers=1"):
        run_all(os._exit, [1, 1], workers=2, description="dying")


def test_an_error_in_a_worker_is_raised_here_and_the_environment_is_as_before():
    before = dict(os.environ)
    with pytest.raises(ValueError, match="domain|nonnegative"):
        run_all(math.sqrt, [4, -1], workers=2, description="failing")
    assert dict(os.environ) == before
