"""The folder of a run: nothing that an earlier run wrote is lost."""

from __future__ import annotations

import difflib
import re
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


def refuse_misspelt_resume(run: RunConfig) -> None:
    """--resume may be given from the first start on, so a run need not exist yet; but it may be misspelt.

    Raises UserError when there is no run of this name and another has nearly the same. Names that differ in their
    digits alone are taken for the members of a series.
    """
    if not run.resume or run_folder(run).exists() or not run.log_dir.is_dir():
        return
    runs = sorted(path.name for path in run.log_dir.iterdir() if (path / "config.yaml").is_file())
    near = [name for name in runs if name.startswith(f"{run.model_name}.old")] or [
        name
        for name in difflib.get_close_matches(run.model_name, runs, n=3)
        if re.sub(r"\d+", "", name) != re.sub(r"\d+", "", run.model_name)
    ]
    if near:
        raise UserError(
            f"--resume: there is no run {run_folder(run)}; did you mean --model_name {' or '.join(near)}? To start a "
            "new run of this name, leave out --resume the first time"
        )


def prepare_run_folder(folder: Path, options: dict[str, Any], resume: bool, console: Console) -> None:
    """Make the folder and write its options. A finished or abandoned run of this name is moved aside.

    Raises UserError when the folder cannot be written.
    """
    try:
        if not resume and any((folder / name).exists() for name in ("models", "metrics.jsonl")):
            aside = _free_name(folder)
            folder.rename(aside)
            console.print(
                f"{folder} held an earlier run: moved to {aside} (--resume would have gone on with it, and "
                f"--model_name {aside.name} --resume still does)",
                markup=False,
            )
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
