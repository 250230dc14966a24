"""What the loop refuses to begin with, in words."""

from __future__ import annotations

from typing import Any

from selfsup_depth.config import OptimizerConfig
from selfsup_depth.errors import UserError
from trainer.processes import Processes
from trainer.state import changed_options


def too_few_samples(samples: int, settings: OptimizerConfig) -> UserError:
    fits = samples // settings.accumulate_steps
    remedy = f"lower --batch_size to {fits}" if fits else f"lower --accumulate_steps to {samples} and --batch_size to 1"
    return UserError(
        f"the training set has {samples} samples, fewer than one step needs (--batch_size {settings.batch_size} x "
        f"--accumulate_steps {settings.accumulate_steps}): {remedy}, or add samples"
    )


def refuse_differences(processes: Processes, options: dict[str, Any]) -> None:
    """Machines that see other data under the same path would train on something that nobody asked for."""
    paths = frozenset({"data_path", "split", "log_dir"})  # what is made on first use lies in a home, as others call it
    of_main = processes.from_main(lambda: options)
    for rank, found in enumerate(processes.gather(changed_options(of_main, options, paths))):
        if found:
            raise UserError(
                f"process {rank} of {processes.count} would train with something else than process 0: "
                f"{'; '.join(found)}: give all machines the same options and the same data"
            )


def too_small_batch(batch_size: int, count: int) -> UserError:
    return UserError(
        f"--batch_size {batch_size} is the batch of all {count} processes together, fewer than one sample for each: "
        f"give at least {count}, or start fewer processes (torchrun --nproc_per_node)"
    )
