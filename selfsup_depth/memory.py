"""Batches larger than a device's memory: which would fit is looked for and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from selfsup_depth.errors import UserError

T = TypeVar("T")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch could not have the memory it asked for, on a GPU or on the CPU."""
    if not isinstance(error, RuntimeError):
        return False
    said = str(error)
    # the last is all that oneDNN says, whose convolutions a CPU computes with
    return (
        isinstance(error, torch.OutOfMemoryError) or "allocate memory" in said or said == "could not create a primitive"
    )


def run_or_say_what_fits(
    work: Callable[[int], T], batch: int, device: torch.device, what: str = "images", processes: int = 1
) -> T:
    """`work` for the first `batch` items, which are `what`.

    Raises UserError when that takes more memory than there is: it names --batch_size and the largest half, quarter, ...
    of it with which the same work is done. Of several processes `batch` is the share of this one, --batch_size all.
    """
    try:
        return work(batch)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # outside `except`, whose traceback keeps the tensors of what failed
    fits = batch // 2
    while fits and not _is_done(work, fits):
        fits //= 2
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"the {device.type.upper()}"
    if fits:
        raise UserError(
            f"{batch} {what} at once take more memory than {where} has free: {fits} fit, so give --batch_size "
            f"{fits * processes}"
        )
    raise UserError(
        f"{batch} {what} at once take more memory than {where} has free, and so does one alone (--batch_size "
        f"{processes}): free some, if another program uses it, or use --no_cuda"
    )


def _is_done(work: Callable[[int], object], count: int) -> bool:
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    try:
        work(count)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
