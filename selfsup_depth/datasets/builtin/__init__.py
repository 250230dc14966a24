"""Synthetic sequences in standard layouts, rendered on first use and cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.datasets import COMES_WITH_ITS_DATA, refuse_unknown
from selfsup_depth.datasets.builtin.drive import ensure_builtin_drive
from selfsup_depth.datasets.builtin.indoor import ensure_builtin_indoor
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class BuiltinData:
    """Footage that needs no --data_path."""

    ensure: Callable[[], Path]  # its folder, rendered if need be; lists are in splits/
    recipe: str  # how to train on it: a name in selfsup_depth/configs


#: Value of --dataset -> what it is.
BUILTIN = {
    "builtin": BuiltinData(ensure_builtin_drive, "builtin_drive"),
    "builtin_indoor": BuiltinData(ensure_builtin_indoor, "builtin_indoor"),
}


def builtin_name(dataset: str, data_path: Path | None, *, default: str, on_disk: Mapping[str, object]) -> str | None:
    """The footage of `BUILTIN` that is meant where no --data_path is given; None: none of it.

    Args:
        default: value of --dataset where nobody gives one, which then means the drive.
        on_disk: options that are about data on disk, with their values; None: not given.

    Raises UserError for an unknown --dataset, and for one of data on disk, or such options, without --data_path.
    """
    refuse_unknown(dataset)
    if data_path is not None or dataset in COMES_WITH_ITS_DATA:
        return None
    name = "builtin" if dataset == default else dataset
    if name not in BUILTIN:
        raise UserError(
            f"--dataset {name} is read from disk: give its folder as --data_path, or choose built-in footage with "
            f"--dataset {' or '.join(BUILTIN)}"
        )
    given = [f"--{option} {value}" for option, value in on_disk.items() if value is not None]
    if given:
        raise UserError(
            f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} about data on disk, but without --data_path "
            f"--dataset {dataset} is built-in footage with lists of its own: give the folder of the data as "
            "--data_path, or leave that out"
        )
    return name


__all__ = ["BUILTIN", "BuiltinData", "builtin_name", "ensure_builtin_drive", "ensure_builtin_indoor"]
