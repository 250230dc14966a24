"""Looks at data before hours are spent on it, and says what is wrong, how it shows, why, and what to do."""

from __future__ import annotations

from selfsup_depth.preflight.checks import CHECKS, run_checks
from selfsup_depth.preflight.finding import Finding, Result
from selfsup_depth.preflight.footage import Footage, Part
from selfsup_depth.preflight.gathering import Effort, gather
from selfsup_depth.preflight.quick import quick_check

__all__ = ["CHECKS", "Effort", "Finding", "Footage", "Part", "Result", "gather", "quick_check", "run_checks"]
