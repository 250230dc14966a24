"""The folder of a finished run, read back."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfsup_depth import cli
from selfsup_depth.checkpoints import find_checkpoint
from selfsup_depth.config import TrainConfig
from selfsup_depth.errors import UserError

#: Scores of the best checkpoint, with a row per image.
SCORES = "validation.json"


@dataclass(frozen=True)
class FinishedRun:
    """Options, log and best checkpoint of a run."""

    folder: Path
    config: TrainConfig
    best: Path  # checkpoint folder
    log: tuple[dict[str, Any], ...]  # the lines of metrics.jsonl

    @classmethod
    def read(cls, folder: Path) -> FinishedRun:
        """The run of a folder.

        Raises:
            UserError: when it is not the folder of a run, or when no checkpoint of it was the best, because no score
                was a number.
        """
        options = folder / "config.yaml"
        if not options.is_file():
            raise UserError(
                f"{folder} is not the folder of a run (it has no config.yaml): give the folder that train.py wrote, "
                "for example runs/mdp."
            )
        best = find_checkpoint(folder / "models" / "best")
        if best is None:
            raise UserError(f"no epoch of {folder} had a finite validation score; see its metrics.jsonl")
        config = cli.parse(TrainConfig, ["--config", str(options)])
        return cls(folder, config, best, tuple(_lines(folder / "metrics.jsonl")))

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def findings(self) -> tuple[str, ...]:
        """What the health checks said, the last sentence of each kind."""
        said = {line.get("check", line["finding"]): line["finding"] for line in self.log if line["kind"] == "health"}
        return tuple(said.values())

    @property
    def trained_on(self) -> str | None:
        """The device of the training, where its end was recorded."""
        path = self.folder / SCORES
        return json.loads(path.read_text()).get("trained_on") if path.is_file() else None

    def scores(self) -> dict[str, Any]:
        """What `showing` wrote into validation.json.

        Raises:
            UserError: when there are no scores per image, because the data has no ground truth or an earlier version
                of the library trained the run.
        """
        path = self.folder / SCORES
        remedy = f"run python make_report.py --run {self.folder} first"
        if not path.is_file():
            raise UserError(
                f"{path} is missing, so {self.folder} cannot be compared image by image: if its validation data has "
                f"ground-truth depth, {remedy}."
            )
        summary = json.loads(path.read_text())
        if "rows" not in summary:
            raise UserError(f"{path} has no scores per image (library {summary.get('library_version')}): {remedy}.")
        return summary


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):  # the line that was being written when the run was killed
            found.append(json.loads(line))
    return found
