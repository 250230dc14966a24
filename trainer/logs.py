"""What a run writes while it runs: JSON lines for programs, tensorboardX events for people."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter

from selfsup_depth.errors import UserError

_REMEDY = "the last checkpoint is intact: free some space and go on with --resume"


def findings_of(folder: Path) -> list[str]:
    """What the health checks have said in the run of this folder, the last sentence of each kind."""
    health = [entry for entry in _entries(folder / "metrics.jsonl") if entry["kind"] == "health"]
    return list({entry.get("check", entry["finding"]): str(entry["finding"]) for entry in health}.values())


def _entries(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):  # the line that was being written when the run was killed
            found.append(json.loads(line))
    return found


class RunLog:
    """`metrics.jsonl` and `events/` in the folder of a run."""

    def __init__(self, folder: Path, *, go_on_from_step: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "metrics.jsonl"
        if go_on_from_step is not None:
            self._forget_after(go_on_from_step)
        self._lines = self.path.open("a")
        first_step = None if go_on_from_step is None else go_on_from_step + 1
        self._events = SummaryWriter(str(folder / "events"), purge_step=first_step)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """One JSON line; numbers also become curves named kind/name. Raises UserError when the disk is full."""
        try:
            self._lines.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
            self._lines.flush()
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}; {_REMEDY}") from error
        self._check_events()
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._events.add_scalar(f"{kind}/{name}", value, step)

    def picture(self, name: str, step: int, image: np.ndarray) -> None:
        """`image`: [H, W, 3] uint8."""
        self._check_events()
        self._events.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Never raises: it must not hide the error that ended the run."""
        with contextlib.suppress(OSError):
            self._lines.close()
        if self._events_alive():
            with contextlib.suppress(OSError):
                self._events.close()

    def _events_alive(self) -> bool:
        return self._events.file_writer.event_writer._worker.is_alive()

    def _check_events(self) -> None:
        """Events are written by a thread; when it has died of a full disk, the next event would wait for ever."""
        if not self._events_alive():
            raise UserError(f"{self.folder / 'events'} cannot be written any more; {_REMEDY}")

    def _forget_after(self, step: int) -> None:
        """A killed run may have logged steps that will be run again: keep each step once."""
        if not self.path.exists():
            return
        kept = [json.dumps(entry) for entry in _entries(self.path) if entry["step"] <= step]
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept))
        os.replace(temporary, self.path)
