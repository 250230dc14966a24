"""Ctrl-C ends a run between two steps, after saving; a second Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from trainer.processes import ALONE, Processes

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interruptible:
    """While entered, the first SIGINT or SIGTERM sets `requested` and says so; the next raises KeyboardInterrupt.

    Several processes stop together, see `asked_in_any`; they do not answer one by one, since a launcher sends SIGTERM
    also when one of them has failed.
    """

    def __init__(self, processes: Processes = ALONE) -> None:
        self.processes = processes
        self.requested = False
        self.source = "Ctrl-C"  # what the last signal was
        self.doing = "this step"  # what is finished first
        self._number = 0
        self._before: dict[int, Any] = {}
        self._answer: Callable[[], float] | None = None

    def requested_soon(self) -> bool:
        """Whether a signal has come, or comes within a moment: others of a group may get theirs first."""
        deadline = time.monotonic() + 0.5
        while not self.requested and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.requested

    def asked_in_any(self, *, wait: bool = False) -> bool:
        """Whether some process was told to stop; all processes ask together and hear the same.

        They learn of a signal when they ask again, a step later: so nobody waits for the answer. `wait`: at once.
        """
        if self.processes.alone:
            return self.requested
        answers = [self._answer, self.processes.largest_soon(self._number)]
        self._answer = None if wait else answers.pop()
        number = int(max((answer() for answer in answers if answer), default=0))
        if number:
            self.source = _NAMES[signal.Signals(number)]
        return number > 0

    def __enter__(self) -> Interruptible:
        if threading.current_thread() is threading.main_thread():
            for number in _NAMES:
                self._before[number] = signal.signal(number, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self._number, self.source = number, _NAMES[signal.Signals(number)]
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        if not self.processes.alone:
            return
        again = "press again" if number == signal.SIGINT else "send it again"
        line = f"{self.source}: stopping after {self.doing}; {again} to stop without saving\n"
        # not by print: it may be just this that the signal has interrupted
        os.write(2, (("\n" if sys.stderr.isatty() else "") + line).encode())
