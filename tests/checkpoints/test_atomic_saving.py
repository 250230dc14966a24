"""Power cuts and full disks: the old or the new checkpoint is always there, complete."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from selfsup_depth.checkpoints import (
    CheckpointMeta,
    atomic,
    find_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from selfsup_depth.errors import UserError

Make = Callable[..., CheckpointMeta]


class Killed(BaseException):
    """The process ends here: nothing that handles errors gets to run."""


class Failing:
    """Counts the operations on the disk and lets the n-th one end in `error`."""

    OPERATIONS = [(os, "replace"), (os, "fsync"), (shutil, "rmtree"), (Path, "mkdir"), (Path, "open")]

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> None:
        self.count, self.at, self.error = 0, at, error
        for owner, name in self.OPERATIONS:
            monkeypatch.setattr(owner, name, self._wrap(name, getattr(owner, name)))

    def _wrap(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def operation(*arguments: object, **options: object) -> object:
            self.count += 1
            if self.count == self.at:
                if name == "rmtree":  # half way through
                    for file in list(Path(str(arguments[0])).glob("*"))[:1]:
                        file.unlink()
                if isinstance(self.error, OSError) and options.get("ignore_errors"):
                    return None
                raise self.error
            return real(*arguments, **options)

        return operation


def _kill_everywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None], prepare: Callable[[], None]
) -> list[int | None]:
    """Kill a saving of step 2 at its n-th operation for every n; the steps found afterwards."""
    found = []
    for at in range(1, 100):
        shutil.rmtree(folder.parent, ignore_errors=True)
        prepare()
        with monkeypatch.context() as patch:
            failing = Failing(patch, at, Killed())
            try:
                save(2)
                return found
            except Killed:
                assert failing.count == at
        survivor = find_checkpoint(folder)
        found.append(load_checkpoint(folder, with_training_state=True).meta.step if survivor else None)
        save(3)
        assert load_checkpoint(folder, with_training_state=True).meta.step == 3
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    raise AssertionError("saving never ended")


@pytest.fixture
def save(tmp_path: Path, networks: nn.ModuleDict, make_meta: Make) -> Callable[[int], None]:
    def at_step(step: int) -> None:
        save_checkpoint(tmp_path / "models" / "last", networks, make_meta(step=step), {"step": step})

    return at_step


def test_killed_at_any_point_the_old_or_the_new_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None]
) -> None:
    found = _kill_everywhere(tmp_path / "models" / "last", monkeypatch, save, lambda: save(1))
    assert len(found) > 12
    assert set(found) == {1, 2}
    assert found == sorted(found)  # once the new one counts, it counts


def test_killed_twice_the_survivor_of_the_first_time_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None]
) -> None:
    folder = tmp_path / "models" / "last"

    def killed_between_the_renames() -> None:
        save(1)
        folder.rename(atomic.previous_of(folder))

    assert set(_kill_everywhere(folder, monkeypatch, save, killed_between_the_renames)) == {1, 2}


def test_killed_in_the_first_saving_nothing_half_done_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None]
) -> None:
    found = _kill_everywhere(tmp_path / "models" / "last", monkeypatch, save, lambda: None)
    assert set(found) == {None, 2}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_wherever_the_disk_is_full_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None], code: int
) -> None:
    folder = tmp_path / "models" / "last"
    said = rf"{folder}: the disk is full: .* needs 0.0 MB; what was there before is intact; free some space"
    operations = _operations(monkeypatch, save)
    for at in range(1, operations):
        save(1)
        with monkeypatch.context() as patch:
            Failing(patch, at, OSError(code, os.strerror(code)))
            with pytest.raises(UserError, match=said):
                save(2)
        assert load_checkpoint(folder, with_training_state=True).meta.step == 1
        assert [path.name for path in folder.parent.iterdir()] == ["last"]
    save(1)
    with monkeypatch.context() as patch:  # the last operation removes the old one: the new one counts already
        Failing(patch, operations, OSError(code, os.strerror(code)))
        save(2)
    assert load_checkpoint(folder).meta.step == 2


def _operations(monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None]) -> int:
    """How many operations replacing a checkpoint takes."""
    save(1)
    with monkeypatch.context() as patch:
        failing = Failing(patch, 0, Killed())
        save(2)
    return failing.count


def test_everything_is_on_the_disk_before_it_counts(
    monkeypatch: pytest.MonkeyPatch, save: Callable[[int], None]
) -> None:
    save(1)
    events: list[str] = []
    for owner, name in Failing.OPERATIONS:
        monkeypatch.setattr(owner, name, _noting(events, name, getattr(owner, name)))
    save(2)
    order = [name for name in events if name in ("fsync", "replace")]
    files = 3 + 2  # networks, training state, description
    assert order == ["fsync"] * (files + 1) + ["replace", "replace", "fsync"]  # + 1: their folder


def _noting(events: list[str], name: str, real: Callable[..., object]) -> Callable[..., object]:
    def operation(*arguments: object, **options: object) -> object:
        events.append(name)
        return real(*arguments, **options)

    return operation


def test_a_really_full_device_is_noticed(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError, match="No space left"):
        atomic.write_synced(full, b"x" * 100_000)


def test_the_amount_needed_is_the_size_of_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_synced", full)
    with pytest.raises(UserError, match=r"last: the disk is full: this checkpoint needs 3.5 MB; nothing was"):
        atomic.replace_folder(tmp_path / "last", {"a": b"x" * 2_000_000, "b": b"x" * 1_500_000})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot be written .*--log_dir"):
        atomic.replace_folder(tmp_path / "models" / "last", {"a": b"x"})


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(
    tmp_path: Path, save: Callable[[int], None]
) -> None:
    models = tmp_path / "models"
    for name in (".last.saving-1", ".best.saving-1", "weights_0"):
        (models / name).mkdir(parents=True)
        (models / name / "x").touch()
    save(1)
    assert sorted(path.name for path in models.iterdir()) == [".best.saving-1", "last", "weights_0"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path, save: Callable[[int], None]) -> None:
    save(1)
    elsewhere = tmp_path / "disk2"
    (tmp_path / "models" / "last").rename(elsewhere)
    (tmp_path / "models" / "last").symlink_to(elsewhere)
    save(2)
    assert (tmp_path / "models" / "last").is_symlink()
    assert load_checkpoint(elsewhere).meta.step == 2
