"""Ctrl-C ends a run between two steps, after saving; a second Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interruptible:
    """While entered, the first SIGINT or SIGTERM sets `requested` and says so; the next raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.requested = False
        self.source = "Ctrl-C"  # what the last signal was
        self.doing = "this step"  # what is finished first
        self._before: dict[int, Any] = {}

    def requested_soon(self) -> bool:
        """Whether a signal has come, or comes within a moment: others of a group may get theirs first."""
        deadline = time.monotonic() + 0.5
        while not self.requested and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.requested

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
        self.source = _NAMES[signal.Signals(number)]
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        again = "press again" if number == signal.SIGINT else "send it again"
        line = f"{self.source}: stopping after {self.doing}; {again} to stop without saving\n"
        # not by print: it may be just this that the signal has interrupted
        os.write(2, (("\n" if sys.stderr.isatty() else "") + line).encode())
