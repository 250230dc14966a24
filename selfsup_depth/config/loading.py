"""How samples are loaded; changes speed, never results."""

from __future__ import annotations

from dataclasses import dataclass

from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class LoadingConfig:
    """How training samples are loaded; changes speed, never results."""

    in_memory: bool = False
    """Decode and resize all training images once and hold them in memory, for all workers together."""
    shard_cache_gb: float = 0.0
    """Of --dataset shards at a URL: gigabytes of it to keep on this machine's disk once they were read, for later
    epochs and runs. 0: none."""

    def __post_init__(self) -> None:
        if not 0 <= self.shard_cache_gb < float("inf"):
            raise UserError(f"--shard_cache_gb must be 0 or more, found {self.shard_cache_gb:g}: 0 keeps nothing")
