"""What every loader worker does first."""

from __future__ import annotations

import os
import signal


def leave_ctrl_c_to_the_main_process(worker: int) -> None:
    """`worker_init_fn`: a terminal sends Ctrl-C to the workers too; the main process saves and then ends them.

    SIGTERM must go on to end a worker: it is how the main process gets rid of workers after an error. But launchers
    (torchrun, batch systems) send it to the whole process group of a program, whose last step needs its workers: so
    they are a group of their own.
    """
    if hasattr(os, "setpgrp"):  # not on Windows
        os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
