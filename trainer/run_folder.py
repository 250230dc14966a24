"""The folder of a run: nothing that an earlier run wrote is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from selfsup_depth.checkpoints import find_checkpoint
from selfsup_depth.config import RunConfig
from selfsup_depth.errors import UserError


def run_folder(run: RunConfig) -> Path:
    """Where everything of a run lies."""
    return run.log_dir / run.model_name


def last_checkpoint(folder: Path) -> Path | None:
    """The checkpoint from which the run of this folder can go on; None: there is none yet."""
    return find_checkpoint(folder / "models" / "last")


def prepare_run_folder(folder: Path, options: dict[str, Any], resume: bool, console: Console) -> None:
    """Make the folder and write its options. A finished or abandoned run of this name is moved aside.

    Raises UserError when the folder cannot be written.
    """
    try:
        if not resume and any((folder / name).exists() for name in ("models", "metrics.jsonl")):
            aside = _free_name(folder)
            folder.rename(aside)
            console.print(f"{folder} held an earlier run: moved to {aside} (--resume would have gone on with it)")
        folder.mkdir(parents=True, exist_ok=True)
        if not resume or not (folder / "config.yaml").exists():
            plain = {name: value for name, value in options.items() if value is not None and name != "resume"}
            (folder / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    except OSError as error:
        raise UserError(
            f"the run folder {folder} cannot be written: {error.strerror}; choose another --log_dir"
        ) from error


def _free_name(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.old{number}")).exists():
        number += 1
    return aside
