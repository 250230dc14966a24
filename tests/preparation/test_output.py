"""A preparation that is stopped goes on and gives the same bytes; a full disk and a foreign folder lose nothing."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from stereo_footage import wall
from video_files import wall_walk, write_calibration, write_video

from selfsup_depth.errors import UserError
from selfsup_depth.preparation import output, shards
from selfsup_depth.preparation.frames import Footage
from selfsup_depth.preparation.run import prepare
from selfsup_depth.preparation.shards import frames_of_a_shard

pytest.importorskip("cv2", reason="videos need OpenCV (extra `video`)")
ROOT = Path(__file__).parents[2]
#: A walk, a rest, a walk, and a cut to another place: something of everything that a stop could confuse.
#: The rest begins where the second part is complete, so that who goes on there has to know the last frame.
IMAGES = [*wall_walk(8), *[wall_walk(8)[7]] * 3, *wall_walk(14)[8:], *[wall(60 + 0.15 * n, 3.0)[0] for n in range(9)]]


@pytest.fixture
def walk(tmp_path) -> Path:
    path = write_video(tmp_path / "footage" / "walk.avi", IMAGES)
    write_calibration(path.parent)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def quiet() -> Console:
    return Console(file=io.StringIO())


def stopping_after(footage: Footage, moments: int, error: BaseException) -> Footage:
    """The same footage, whose stream breaks."""
    whole = footage.moments

    def broken(after):
        for count, element in enumerate(whole(after)):
            if count == moments:
                raise error
            yield element

    footage.moments = broken  # type: ignore[method-assign]
    return footage


@pytest.mark.parametrize("options", [{"least": 0.25}, {"frame_step": 2}, {"fps": 4.0, "least": 0.5}])
def test_a_stopped_preparation_goes_on_and_gives_the_same_bytes(tmp_path, walk, videos, options):
    videos.prepare(walk, tmp_path / "whole", **options)
    expected = contents(tmp_path / "whole")
    for moments in (1, 6, 11, 13, len(IMAGES) - 1):
        folder = tmp_path / f"stopped after {moments}"
        task = videos.task(walk, **options)
        stopped = replace(task, footage=stopping_after(task.footage, moments, RuntimeError("power cut")))
        with pytest.raises(RuntimeError, match="power cut"):
            prepare(stopped, folder, quiet())
        with pytest.raises(UserError, match="is a prepared set that was not finished: run the same prepare_data.py"):
            videos.read(folder)
        videos.prepare(walk, folder, **options)
        assert contents(folder) == expected, moments


def test_a_stop_before_the_last_word_changes_nothing(tmp_path, walk, videos, monkeypatch):
    """The last frame is dropped: it is counted once."""
    options = {"frame_step": 2}
    videos.prepare(walk, tmp_path / "whole", **options)
    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr("selfsup_depth.preparation.run.seal", lambda *_: (_ for _ in ()).throw(RuntimeError("power cut")))
        with pytest.raises(RuntimeError, match="power cut"):
            videos.prepare(walk, folder, **options)
    videos.prepare(walk, folder, **options)
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_killed_process_leaves_complete_shards_only(tmp_path, videos):
    """SIGKILL at some moment; the same command then finishes the set, as if nothing had happened."""
    path = write_video(tmp_path / "footage" / "long.avi", wall_walk(160, step=0.05))
    write_calibration(path.parent)
    folder = tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path; sys.path[:0] = ['tests/preparation', 'tests/golden'];"
        "from conftest import Videos; Videos(Path(sys.argv[2])).prepare(Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path), str(folder)], cwd=ROOT)
    while not (folder / "facts_00001.json").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "prepared.json").exists()
    videos.prepare(path, folder)
    videos.prepare(path, tmp_path / "whole")
    assert contents(folder) == contents(tmp_path / "whole")


def test_ctrl_c_says_what_is_kept(tmp_path, walk, videos):
    task = videos.task(walk)
    stopped = replace(task, footage=stopping_after(task.footage, 11, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt, match=r"stopped by Ctrl-C; 4 frames are complete in .* to go on"):
        prepare(stopped, tmp_path / "stopped", quiet())


def test_a_finished_set_is_not_made_again(walk, videos, monkeypatch):
    before = contents(Path(videos.prepare(walk).root))
    task = videos.task(walk)
    monkeypatch.setattr(task.footage, "moments", lambda after: pytest.fail("it was read again"))
    assert prepare(task, videos.folder, quiet()) is False
    assert contents(videos.folder) == before


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_loses_nothing_that_was_complete(tmp_path, walk, videos, monkeypatch, code):
    videos.prepare(walk, tmp_path / "whole")
    with monkeypatch.context() as patch:
        save, written = np.save, []

        def on_a_small_disk(file, array):
            written.append(len(array))
            if len(written) == 3:
                file.write(b"the beginning")
                raise OSError(code, "No space left on device")
            save(file, array)

        patch.setattr(np, "save", on_a_small_disk)
        with pytest.raises(UserError, match=r"disk is full, left_00002.npy could not be written; .* it goes on there"):
            videos.prepare(walk)
    assert sorted(contents(videos.folder)) == [
        "facts_00000.json", "facts_00001.json", "left_00000.npy", "left_00001.npy", "preparing.json",
    ]  # fmt: skip
    videos.prepare(walk)  # after space was freed
    assert contents(videos.folder) == contents(tmp_path / "whole")


def test_numpy_does_not_say_that_a_disk_is_full_but_it_is(walk, videos, monkeypatch):
    """Its short write has no number of an error."""
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("no /dev/full, which stands for a full disk")

    def onto_a_full_disk(file, array):
        with full.open("wb") as no_room:
            array.tofile(no_room)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", onto_a_full_disk)
        with pytest.raises(UserError, match=r"the disk is full, left_00000.npy could not be written"):
            videos.prepare(walk)
    assert sorted(contents(videos.folder)) == ["preparing.json"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path, walk, videos, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"--output_directory .*file/out cannot be made .*SELFSUP_DEPTH_CACHE"):
        videos.prepare(walk, tmp_path / "file" / "out")

    def denied(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shards.os, "replace", denied)
    with pytest.raises(UserError, match=r"preparing.json cannot be written \(Permission denied\)"):
        videos.prepare(walk)
    assert contents(videos.folder) == {}


def test_another_set_in_the_folder_is_refused_in_words(tmp_path, walk, videos):
    videos.prepare(walk)
    with pytest.raises(UserError, match=r"holds a set prepared with --min_motion 0.0 \(now 1.0\): give another"):
        videos.prepare(walk, least=1.0)
    other = write_video(tmp_path / "other" / "walk.avi", IMAGES[:-1])
    write_calibration(other.parent)
    with pytest.raises(UserError, match="prepared from other footage, another calibration or another version"):
        videos.prepare(other)
    write_calibration(walk.parent, fx=61.0)
    with pytest.raises(UserError, match="from other footage, another calibration"):
        videos.prepare(walk)


def test_the_beginning_of_another_set_is_refused_too(tmp_path, walk, videos):
    task = videos.task(walk)
    with pytest.raises(RuntimeError):
        prepare(replace(task, footage=stopping_after(task.footage, 6, RuntimeError())), videos.folder, quiet())
    with pytest.raises(UserError, match=r"holds the beginning of a set prepared with --min_motion 0.0 \(now 1.0\)"):
        videos.prepare(walk, least=1.0)


def test_a_folder_with_other_things_is_not_written_into(walk, videos):
    videos.folder.mkdir()
    (videos.folder / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="is not empty and not a prepared set: give a new folder"):
        videos.prepare(walk)
    assert contents(videos.folder) == {"thesis.tex": b"years of work"}


def test_a_damaged_description_is_said(walk, videos):
    videos.prepare(walk)
    (videos.folder / "prepared.json").write_text("{")
    with pytest.raises(UserError, match="prepared.json cannot be read as the description of a prepared set"):
        videos.prepare(walk)


def test_two_processes_do_not_write_the_same_folder(walk, videos, monkeypatch):
    videos.folder.mkdir()
    held = os.open(videos.folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(UserError, match="is being prepared by another process right now"):
        videos.prepare(walk)
    os.close(held)

    def unknown(*_):
        raise OSError(errno.ENOTSUP, "not here")

    monkeypatch.setattr(fcntl, "flock", unknown)
    videos.prepare(walk)


def test_a_change_of_the_program_makes_caches_anew(walk, videos, monkeypatch):
    before = videos.task(walk).contents.fingerprint
    assert videos.task(walk).contents.fingerprint == before
    monkeypatch.setattr(output, "VERSION", output.VERSION + 1)
    assert videos.task(walk).contents.fingerprint != before


def test_shards_have_a_size_that_can_be_mapped_and_made_again():
    assert frames_of_a_shard(192, 640) == 182
    assert frames_of_a_shard(8, 8) == 1024
    assert frames_of_a_shard(10_000, 10_000) == 1


def test_frames_in_are_frames_out(walk, videos):
    videos.prepare(walk, least=0.25, frame_step=2)
    told = json.loads((videos.folder / "prepared.json").read_text())["frames"]
    assert told["kept"] + sum(told["dropped"].values()) == len(IMAGES)
