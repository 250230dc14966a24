"""What a finished training shows: the table, the picture and the report of its best checkpoint."""

from __future__ import annotations

from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.outcome.showing import Opponent, show_result, write_run_report

__all__ = ["FinishedRun", "Opponent", "show_result", "write_run_report"]
