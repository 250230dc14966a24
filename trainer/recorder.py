"""What a run leaves behind: lines and pictures of its steps, its checkpoints; and how it goes on from the last."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from selfsup_depth.checkpoints import Checkpoint, load_checkpoint, load_into, save_checkpoint
from selfsup_depth.config import RunConfig
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses
from trainer.guard import FiniteGuard
from trainer.health import Finding, HealthMonitor
from trainer.hooks import Hooks, Validation
from trainer.logs import RunLog
from trainer.processes import ALONE, Processes
from trainer.progress import TrainingProgress
from trainer.run_folder import last_checkpoint, run_folder
from trainer.state import TrainingState, capture, changed_options, restore

#: Steps between lines of the log and readings of the loss.
LOG_EVERY = 10
#: Options that a resumed run may change without changing its numbers so far.
MAY_CHANGE = frozenset(
    {"resume", "num_workers", "num_epochs", "log_dir", "model_name", "log_frequency", "save_frequency", "save_steps",
     "skip_checks", "data_path", "no_cuda", "load_weights_folder", "weights_format", "models_to_load", "in_memory",
     "shard_cache_gb"}
)  # fmt: skip


class Recorder:
    """Writes into the folder of a run; nothing is saved after a loss that was no number.

    Of several processes the main one writes and prints; all are told of every step, because what is written is
    that of all of them.
    """

    def __init__(
        self, state: TrainingState, guard: FiniteGuard, hooks: Hooks, run: RunConfig, processes: Processes = ALONE
    ) -> None:
        self.state, self.guard, self.hooks, self.run = state, guard, hooks, run
        self.processes = processes
        self.folder = run_folder(run)
        self.console = Console(soft_wrap=True, quiet=not processes.is_main)
        self.health = HealthMonitor()
        self.saved_step: int | None = None  # of the checkpoint from which the run can go on
        self._unlogged: list[Losses] = []
        self.log: RunLog | None = None

    def start(self) -> None:
        """Open the log, at the step where the run stands."""
        if self.processes.is_main:
            self.log = RunLog(self.folder, go_on_from_step=self.state.position.step)

    def close(self) -> None:
        if self.log is not None:
            self.log.close()

    def step(self, losses: Losses, progress: TrainingProgress, *, ends_epoch: bool) -> None:
        """The step just taken: a line of the log for every few of them, a picture now and then."""
        step = self.state.position.step
        # without maps and graphs, which would hold on to the device's memory
        bare = Losses({name: term.detach() for name, term in losses.terms.items()}, {}, losses.health)
        self._unlogged.append(bare)
        if step % LOG_EVERY == 0 or ends_epoch:
            kept, self._unlogged = self._unlogged, []
            self._log_steps(kept, progress, ends_epoch)
        elif self.log is not None and progress.is_due():
            progress.show(float(bare.total))
        if self.log is not None and self.is_time_for_pictures(step):
            for name, picture in self.hooks.picture(losses).items():
                self.log.picture(name, step, picture)

    def epoch(self, epoch: int, validation: Validation) -> None:
        """The score of an epoch, and its checkpoints: the best so far, weights_N, the last."""
        position, models = self.state.position, self.folder / "models"
        self._write("validation", {"epoch": epoch, **validation.values})
        told = validation.values if validation.told is None else {n: validation.values[n] for n in validation.told}
        text = ", ".join(f"{name} {value:.4g}" for name, value in told.items())
        self.console.print(f"epoch {epoch + 1}: {text} ({validation.protocol})", highlight=False)
        best = position.best_score
        if math.isfinite(validation.score) and (best is None or validation.score < best):
            position.best_score = validation.score
            self._save(models / "best", validation)
        if (epoch + 1) % self.run.save_frequency == 0:
            self._save(models / f"weights_{epoch}", validation)
        self.save_last(validation)

    def save_last(self, validation: Validation | None = None) -> None:
        """The checkpoint from which a run goes on."""
        state = capture(self.state, self.hooks.options) if self.processes.is_main else None
        self._save(self.folder / "models" / "last", validation, state)
        self.saved_step = self.state.position.step

    def save_to_stop(self) -> None:
        """As `save_last`; no process goes on, and so ends the others, before the checkpoint is on the disk."""
        self.save_last()
        self.processes.largest(0)

    def finish(self) -> None:
        """The last epoch has ended."""
        self._tell(self.health.finish(self.state.position.step))

    def resume(self) -> bool:
        """Put the state of the last checkpoint back; False when there is none yet.

        Raises UserError when options that decide the numbers differ.
        """
        checkpoint = self.processes.from_main(self._last)
        if checkpoint is None:
            told = f"--resume: {self.folder} holds no checkpoint yet, starting from the beginning"
            self.console.print(told, markup=False)
            return False
        saved = checkpoint.training_state
        assert saved is not None  # load_checkpoint says it when a folder has none
        changed = changed_options(saved["options"], self.hooks.options, MAY_CHANGE)
        if changed:
            raise UserError(
                f"--resume goes on to the same numbers, but these options differ from those of {checkpoint.folder}: "
                f"{'; '.join(changed)}. Use the same options, or start a run of another --model_name with "
                f"--load_weights_folder {checkpoint.folder}"
            )
        load_into(self.state.method.networks, checkpoint, None)
        restore(saved, self.state)
        self.saved_step = self.state.position.step
        return True

    def _last(self) -> Checkpoint | None:
        folder = last_checkpoint(self.folder)
        return None if folder is None else load_checkpoint(folder, with_training_state=True)

    def _log_steps(self, kept: list[Losses], progress: TrainingProgress, ends_epoch: bool) -> None:
        position = self.state.position
        kept = self._of_all_processes(kept)
        mean = {name: float(torch.stack([one.terms[name] for one in kept]).mean()) for name in kept[0].terms}
        health = {name: float(torch.stack([one.health[name] for one in kept]).mean()) for name in kept[0].health}
        loss = sum(mean.values())
        progress.waiting = self.processes.largest(progress.waiting)  # the slowest loader holds all of them up
        shown = progress.show(loss, ends_window=True, ends_epoch=ends_epoch)
        if self.log is None:
            return
        rate = self.state.optimizer.param_groups[0]["lr"]
        values = {"epoch": position.epoch, "loss": loss, "learning_rate": rate, **shown, **mean, **health}
        self._write("train", values)
        for one in kept:
            self._tell(self.health.watch(position.step, one))

    def _of_all_processes(self, kept: list[Losses]) -> list[Losses]:
        """What the processes have each of their share, as that of the whole batches."""
        if self.processes.alone:
            return kept
        here = torch.stack([torch.stack([*one.terms.values(), *one.health.values()]).float() for one in kept])
        split = len(kept[0].terms)
        return [
            Losses(dict(zip(one.terms, row, strict=False)), {}, dict(zip(one.health, row[split:], strict=True)))
            for one, row in zip(kept, self.processes.mean(here), strict=True)
        ]

    def _write(self, kind: str, values: dict[str, Any]) -> None:
        if self.log is not None:
            self.log.write(kind, self.state.position.step, values)

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.console.print(f"[yellow]warning[/yellow] {finding.sentence}", highlight=False)
            values = {"finding": finding.sentence, "check": finding.check}
            self._write("health", values)

    def is_time_for_pictures(self, step: int) -> bool:
        """Whether maps of this step are drawn."""
        every = self.run.log_frequency if step <= 2000 else 8 * self.run.log_frequency
        return step % every == 0

    def _save(self, folder: Path, validation: Validation | None, state: dict[str, Any] | None = None) -> None:
        self.guard.check()
        if not self.processes.is_main:
            return
        with self.state.average.applied():  # a description can depend on the weights that are saved
            meta = self.hooks.describe(self.state.position, validation)
            save_checkpoint(folder, dict(self.state.method.networks.items()), meta, state)
