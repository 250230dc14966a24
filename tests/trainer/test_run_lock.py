"""One run of a name at a time, and a misspelt --resume."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from selfsup_depth.config import RunConfig
from selfsup_depth.errors import UserError
from trainer.run_folder import refuse_misspelt_resume
from trainer.run_lock import only_run_of_its_name

ROOT = Path(__file__).parents[2]
QUIET = Console(quiet=True)
HOLDER = """
import os, sys, time
from pathlib import Path
from rich.console import Console
from selfsup_depth.config import RunConfig
from trainer.run_lock import only_run_of_its_name
with only_run_of_its_name(RunConfig(log_dir=Path(sys.argv[1])), Console()):
    if os.fork() == 0:  # as a loader worker, which may outlive a killed run for seconds
        time.sleep(60)
        os._exit(0)
    print("here", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "here\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_run_of_a_name_is_refused_until_the_first_is_killed(holder, tmp_path):
    message = rf"--model_name mdp: a run of this name is in progress .*\(pid {holder.pid} on {platform.node()}\)"
    for resume in (False, True):
        run = RunConfig(log_dir=tmp_path, resume=resume)
        with pytest.raises(UserError, match=message), only_run_of_its_name(run, QUIET):
            pass
    with only_run_of_its_name(RunConfig(log_dir=tmp_path, model_name="other"), QUIET):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_run_of_its_name(RunConfig(log_dir=tmp_path), QUIET):  # although its worker lives on
        assert f"pid {os.getpid()} on" in (tmp_path / ".mdp.lock").read_text()
    assert not (tmp_path / ".mdp.lock").exists()


def test_a_lock_that_its_owner_removes_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    from trainer import run_lock

    lock, path = run_lock._lock, tmp_path / ".mdp.lock"
    taken = []

    def lock_late(file):
        lock(file)
        taken.append(file.fileno())
        if len(taken) == 1:
            path.unlink()  # the owner ended between our opening the file and our locking it

    monkeypatch.setattr(run_lock, "_lock", lock_late)
    with only_run_of_its_name(RunConfig(log_dir=tmp_path), QUIET):
        assert len(taken) == 2
        assert path.exists()


def test_a_disk_that_knows_no_locks_is_said(tmp_path, monkeypatch, capsys):
    import errno

    def fails(file):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("trainer.run_lock._lock", fails)
    with only_run_of_its_name(RunConfig(log_dir=tmp_path), Console(soft_wrap=True)):
        pass
    assert "cannot be locked (Function not implemented): see to it that no second run" in capsys.readouterr().out


def test_a_log_dir_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    run = RunConfig(log_dir=tmp_path / "file" / "runs")
    with pytest.raises(UserError, match="--log_dir .* cannot be written: Not a directory"), only_run_of_its_name(
        run, QUIET
    ):
        pass


# ------------------------------------------------------------------ --resume


@pytest.mark.parametrize(
    ("existing", "name", "meant"),
    [
        ([], "kitti", None),  # the first submission of a job that always resumes
        (["indoor"], "kitti", None),
        (["kitti", "indoor"], "kiti", "kitti"),
        (["int.old1", "indoor"], "int", "int.old1"),
        (["seed1", "seed2"], "seed3", None),  # a series
        (["kitti"], "kitti", None),
    ],
)
def test_a_misspelt_resume_is_refused_and_a_first_one_is_not(tmp_path, existing, name, meant):
    for run in existing:
        (tmp_path / run).mkdir()
        (tmp_path / run / "config.yaml").write_text("")
    config = RunConfig(log_dir=tmp_path, model_name=name, resume=True)
    if meant is None:
        refuse_misspelt_resume(config)
        return
    with pytest.raises(UserError, match=f"did you mean --model_name {meant}\\?.*leave out --resume"):
        refuse_misspelt_resume(config)
    refuse_misspelt_resume(RunConfig(log_dir=tmp_path, model_name=name))
