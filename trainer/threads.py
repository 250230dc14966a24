"""How many threads and loader workers a process may have, where several share a machine."""

from __future__ import annotations

import os

import torch

from trainer.processes import ALONE, Processes


def cores_of_process(processes: Processes = ALONE) -> int:
    """This process's part of the cores that its machine lets it use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable // processes.local_count)


def share_threads(processes: Processes, device: torch.device) -> str | None:
    """Give a process that computes on the CPU its part of the cores; a sentence where the user should.

    `OMP_NUM_THREADS` is the user's, but torchrun sets it to 1 where the user has not, and the two look the same.
    """
    if processes.alone or device.type != "cpu":
        return None
    cores, told = cores_of_process(processes), os.environ.get("OMP_NUM_THREADS")
    if told is None:
        torch.set_num_threads(cores)
    if told is None or torch.get_num_threads() == cores:
        return None
    return (
        f"each process computes with {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() > 1)}, but has "
        f"{cores} core{'s' * (cores > 1)} to itself: OMP_NUM_THREADS={cores} before torchrun makes that {cores}"
    )
