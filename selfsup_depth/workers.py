"""What every loader worker does first."""

from __future__ import annotations

import signal


def leave_signals_to_the_main_process(worker: int) -> None:
    """`worker_init_fn`: Ctrl-C and a batch system's SIGTERM reach the whole group; the main process decides.

    It saves and then ends its workers; a worker that died by itself would take the run down before that.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
