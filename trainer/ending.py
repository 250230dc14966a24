"""How several processes end: all of them, soon, and with one clear sentence.

The one that ends first says why, on the board and to the user. The others find their connection to it closed, or are
waiting for it; they leave it at a sentence for each machine, so that the reason is not buried under echoes.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed as dist

from selfsup_depth.errors import UserError
from trainer.board import Ended, Ending
from trainer.processes import Processes, from_environment, is_lost_connection

#: Exit statuses, as of one process (selfsup_depth.cli.run).
_INTERRUPTED, _BAD_INPUT, _FAILED = 130, 2, 1


class ConnectionLost(RuntimeError):
    """Another process has ended or does not answer; the message says what is saved."""


@contextmanager
def launched() -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone. An error within ends them all.

    Raises what was raised within in the process that is to print it, SystemExit in the others.
    """
    processes = from_environment()
    if processes.alone:
        yield processes
        return
    try:
        yield processes
    except BaseException as error:
        # frees the loaders on the stack: their workers then end in order, and before the interpreter does
        traceback.clear_frames(error.__traceback__)
        told = _last_word(processes, error)
        if told is error:
            raise
        raise told from None
    if dist.is_initialized():
        dist.destroy_process_group()


def _last_word(processes: Processes, error: BaseException) -> BaseException:
    if isinstance(error, Ended):
        return SystemExit(error.ending.status)
    lost = isinstance(error, ConnectionLost) or is_lost_connection(error)
    mine = Ending(processes.rank, _status(error), str(error))
    first = processes.board.post(mine)
    if isinstance(error, KeyboardInterrupt):
        return error if processes.is_main else SystemExit(_INTERRUPTED)
    if lost:
        saved = f"; {error}" if isinstance(error, ConnectionLost) else ""
        if first != mine:
            sentence = f"process {processes.rank}: stopped, because process {first.rank} has ended{saved}"
            return SystemExit(sentence if processes.local_rank == 0 else _FAILED)
        sentence = f"error: another process of this run was killed or does not answer any more{saved}"
        _tell_launcher(sentence)
        return SystemExit(sentence)
    if first != mine and first.message == mine.message:
        return SystemExit(mine.status)  # all met the same, and one has said it
    if first == mine:
        _tell_launcher(mine.message)
    return error


def _status(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return _BAD_INPUT if isinstance(error, UserError) else _FAILED


def _tell_launcher(message: str) -> None:
    """For the summary that torchrun prints when all have ended; it fails itself when it reads half a file."""
    place = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if not place or not message:
        return
    told = {"message": message, "extraInfo": {"py_callstack": message, "timestamp": str(int(time.time()))}}
    unfinished = Path(place).with_suffix(".unfinished")
    with contextlib.suppress(OSError):
        unfinished.write_text(json.dumps({"message": told}))
        os.replace(unfinished, place)
