"""Synthetic sequences in standard layouts, rendered on first use and cached."""

from selfsup_depth.datasets.builtin.drive import ensure_builtin_drive
from selfsup_depth.datasets.builtin.indoor import ensure_builtin_indoor

__all__ = ["ensure_builtin_drive", "ensure_builtin_indoor"]
