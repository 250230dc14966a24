"""Seeds of what is drawn in a step: functions of (seed, step, process), so that a run can go on anywhere."""

from __future__ import annotations

#: Steps of a run whose seeds surely differ from those of the next seed, or of the next process.
_STEPS, _STEPS_OF_PROCESS = 1_000_003, 4_000_037
_DROPOUT = 2_000_029


def noise_seed(seed: int, step: int, rank: int = 0) -> int:
    """Of the noise in the loss."""
    return seed * _STEPS + step + rank * _STEPS_OF_PROCESS


def dropout_seed(seed: int, step: int, rank: int = 0) -> int:
    """Of torch's global generator, from which dropout and the like draw."""
    return noise_seed(seed, step, rank) + _DROPOUT
