"""Where the process that ends a run first says why, for the others to read.

It lies with the launcher's store, which outlives the processes of the run.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import torch.distributed as dist

_KEY = "ended"


@dataclass(frozen=True)
class Ending:
    """Who ended, with which exit status, and what it said."""

    rank: int
    status: int
    message: str


class Ended(BaseException):
    """Another process has ended the run; it has said why, so there is nothing more to say."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


class Board:
    """One notice: the first."""

    def __init__(self, store: dist.Store) -> None:
        self._store = store

    def post(self, ending: Ending) -> Ending:
        """Put this up if nothing is; what is up then. A store that is gone with its machine holds nothing."""
        try:
            return _read(self._store.compare_set(_KEY, "", json.dumps(asdict(ending))))
        except dist.DistError:
            return ending

    def look(self) -> None:
        """Raises Ended when something is up."""
        if self._store.check([_KEY]):
            raise Ended(_read(self._store.get(_KEY)))


def _read(content: bytes) -> Ending:
    return Ending(**json.loads(content))
