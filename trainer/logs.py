"""What a run writes while it runs: JSON lines for programs, tensorboardX events for people."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import SummaryWriter


class RunLog:
    """`metrics.jsonl` and `events/` in the folder of a run."""

    def __init__(self, folder: Path, *, go_on_from_step: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "metrics.jsonl"
        if go_on_from_step is not None:
            self._forget_after(go_on_from_step)
        self._lines = self.path.open("a")
        self._events = SummaryWriter(str(folder / "events"), purge_step=go_on_from_step)

    def write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """One JSON line; numbers also become curves named kind/name."""
        self._lines.write(json.dumps({"kind": kind, "step": step, **values}) + "\n")
        self._lines.flush()
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._events.add_scalar(f"{kind}/{name}", value, step)

    def picture(self, name: str, step: int, image: np.ndarray) -> None:
        """`image`: [H, W, 3] uint8."""
        self._events.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        self._lines.close()
        self._events.close()

    def _forget_after(self, step: int) -> None:
        """A killed run may have logged steps that will be run again: keep each step once."""
        if not self.path.exists():
            return
        kept = []
        for line in self.path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that was being written when the run was killed
            if entry["step"] <= step:
                kept.append(line)
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept))
        os.replace(temporary, self.path)
