"""Checkpoints: one self-describing folder of ours, and the formats of the originals."""

from __future__ import annotations

from selfsup_depth.checkpoints.checkpoint import Checkpoint, load_into
from selfsup_depth.checkpoints.formats import FORMATS, find_checkpoint, load_checkpoint
from selfsup_depth.checkpoints.meta import FORMAT_VERSION, CheckpointMeta
from selfsup_depth.checkpoints.own import save_checkpoint

__all__ = [
    "FORMATS",
    "FORMAT_VERSION",
    "Checkpoint",
    "CheckpointMeta",
    "find_checkpoint",
    "load_checkpoint",
    "load_into",
    "save_checkpoint",
]
