"""One run of a name at a time: two of them would write their weights into the same folder."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console

from selfsup_depth.config import RunConfig
from selfsup_depth.errors import UserError

_HELD_BY_ANOTHER = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
#: Windows makes a locked byte unreadable for others: lock one beyond the text that they are to read.
_LOCKED_BYTE = 1 << 20


@contextmanager
def only_run_of_its_name(run: RunConfig, console: Console) -> Iterator[None]:
    """Within, no other process can be here with the same `log_dir` and `model_name`.

    The lock is the operating system's: it ends with the process, however that ends. Its file lies beside the
    folder of the run, `.NAME.lock`, so that it stays with the name when an earlier run is moved aside.

    Raises UserError when another process is here, or when `log_dir` cannot be made or written.
    """
    path = run.log_dir / f".{run.model_name}.lock"
    try:
        run.log_dir.mkdir(parents=True, exist_ok=True)
        file = _claimed(path, run, console)
    except OSError as error:
        raise UserError(
            f"--log_dir {run.log_dir} cannot be written: {error.strerror}; choose another --log_dir"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        file.close()


def _claimed(path: Path, run: RunConfig, console: Console) -> IO[str]:
    while True:
        file = path.open("a+")
        try:
            _lock(file)
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                raise _in_progress(file, run) from None
            console.print(f"{path} cannot be locked ({error.strerror}): see to it that no second run has this name")
        if _is_still(path, file):
            break
        file.close()  # its owner has just ended and removed it
    file.truncate(0)
    file.write(f"pid {os.getpid()} on {platform.node()}")
    file.flush()
    return file


def _lock(file: IO[str]) -> None:
    """Raises OSError at once where another process holds it. Loader workers do not inherit this kind of lock."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_still(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _in_progress(file: IO[str], run: RunConfig) -> UserError:
    with file:
        file.seek(0)
        owner = file.read(200) or "another process"
    return UserError(
        f"--model_name {run.model_name}: a run of this name is in progress in {run.log_dir} ({owner}): "
        "give another --model_name or wait"
    )
