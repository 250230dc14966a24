"""Synthetic sequences in standard layouts, rendered on first use and cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.datasets.builtin.drive import ensure_builtin_drive
from selfsup_depth.datasets.builtin.indoor import ensure_builtin_indoor


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

__all__ = ["BUILTIN", "BuiltinData", "ensure_builtin_drive", "ensure_builtin_indoor"]
