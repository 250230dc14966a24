"""What every loader worker does first, and what is said when one dies."""

from __future__ import annotations

import ctypes
import os
import re
import signal

import threadpoolctl

from selfsup_depth.errors import UserError

# of glibc's mallopt
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 << 20


def begin_worker(worker: int) -> None:
    """`worker_init_fn` of every loader."""
    leave_ctrl_c_to_the_main_process()
    threadpoolctl.threadpool_limits(1)  # torch limits its own threads alone; NumPy's BLAS would start some per worker
    keep_freed_memory()


def leave_ctrl_c_to_the_main_process() -> None:
    """A terminal sends Ctrl-C to the workers too; the main process saves and then ends them.

    SIGTERM must go on to end a worker: it is how the main process gets rid of workers after an error. But launchers
    (torchrun, batch systems) send it to the whole process group of a program, whose last step needs its workers: so
    they are a group of their own.
    """
    if hasattr(os, "setpgrp"):  # not on Windows
        os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def keep_freed_memory() -> None:
    """Images come and go by the megabyte: to be given fresh pages for each can take longer than to copy it there.

    With glibc alone; by itself it hands freed memory back to the system and asks for it again.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    mallopt(_TRIM_THRESHOLD, 1 << 30)


def dead_worker(error: RuntimeError) -> UserError | None:
    """What to say of a loader whose worker is gone; None: the error is another one.

    torch raises it wherever the main process stands when the system tells it that a child has died.
    """
    text = str(error)
    if "DataLoader worker" not in text:
        return None
    pids = re.search(r"pid(?:\(s\))? ([\d, ]+)", text)
    cause = re.search(r"killed by signal: ([\w ]+)", text)
    how = f"was ended from outside (signal: {cause[1]})" if cause else "ended by itself"
    return UserError(
        f"a process that loads data{f' (pid {pids[1].strip()})' if pids else ''} {how}, mostly because memory is "
        "short: give fewer --num_workers or a smaller --batch_size, or end other programs; what was saved before is "
        "intact, and a training goes on from there with --resume"
    )
