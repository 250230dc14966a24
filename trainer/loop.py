"""The training loop. It knows a method only as `Method`, and data only as something that becomes a Batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch.utils.data import DataLoader, Dataset

from selfsup_depth.checkpoints import (
    CheckpointMeta,
    find_checkpoint,
    load_checkpoint,
    load_into,
    save_checkpoint,
)
from selfsup_depth.config import OptimizerConfig, RunConfig
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Batch, Losses, Method
from selfsup_depth.workers import leave_ctrl_c_to_the_main_process
from trainer.averaging import WeightAverage
from trainer.guard import FiniteGuard
from trainer.health import HealthMonitor
from trainer.interrupt import Interruptible
from trainer.logs import RunLog
from trainer.precision import Precision
from trainer.progress import TrainingProgress
from trainer.sampler import EpochSampler
from trainer.state import Position, capture, changed_options, restore

#: Steps between lines of the log and readings of the loss.
LOG_EVERY = 10
#: Options that a resumed run may change without changing its numbers so far.
MAY_CHANGE = frozenset(
    {"resume", "num_workers", "num_epochs", "log_dir", "log_frequency", "save_frequency", "save_steps",
     "data_path", "no_cuda", "load_weights_folder", "models_to_load"}
)  # fmt: skip


#: Told of images done and images in all.
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Validation:
    """Outcome of a pass over the whole validation set."""

    score: float  # lower is better: decides which checkpoint is the best
    protocol: str  # what the score is, in words
    values: dict[str, float]


@dataclass(frozen=True)
class TrainingData:
    """Where batches come from."""

    dataset: Dataset
    collate: Callable[[list[Any]], Any]
    prepare: Callable[[Any], Batch]  # move to the device and augment there
    num_workers: int


@dataclass(frozen=True)
class Hooks:
    """What the loop asks of the program around it."""

    describe: Callable[[Position, Validation | None], CheckpointMeta]
    validate: Callable[[Method, Tick], Validation]
    picture: Callable[[Losses], dict[str, Any]]  # name -> [H, W, 3] uint8
    options: dict[str, Any] = field(default_factory=dict)  # stored, compared when resuming


def choose_device(run: RunConfig) -> torch.device:
    """The GPU where there is one and it is wanted."""
    return torch.device("cuda" if torch.cuda.is_available() and not run.no_cuda else "cpu")


class Trainer:
    """Trains a method; see `fit`."""

    def __init__(
        self,
        method: Method,
        data: TrainingData,
        hooks: Hooks,
        settings: OptimizerConfig,
        run: RunConfig,
        device: torch.device,
    ) -> None:
        self.device = device
        self.method = method.to(device)
        self.data, self.hooks, self.settings, self.run = data, hooks, settings, run
        self.folder = run.log_dir / run.model_name
        self.console = Console(soft_wrap=True)
        self.sampler = EpochSampler(len(data.dataset), settings.batch_size, seed=run.seed)  # type: ignore[arg-type]
        self.steps_per_epoch = len(self.sampler) // settings.accumulate_steps
        if self.steps_per_epoch == 0:
            raise UserError(
                f"the training set has {self.sampler.length} samples, fewer than one step needs "
                f"(--batch_size {settings.batch_size} x --accumulate_steps {settings.accumulate_steps})"
            )
        self.parameters = [p for p in method.networks.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=settings.learning_rate, fused=True)
        self.precision = Precision(settings.precision, self.device)
        self.average = WeightAverage(method.networks, settings.ema_decay)
        self.guard = FiniteGuard(self.device)
        self.health = HealthMonitor()
        self.position = Position()

    # ---------------------------------------------------------------- the loop

    def fit(self) -> None:
        """Train to the last epoch. Ctrl-C saves and raises KeyboardInterrupt."""
        resumed = self.run.resume and self._resume()
        if not resumed:
            torch.manual_seed(self.run.seed)  # dropout and the like, whatever was drawn before
        self.log = RunLog(self.folder, go_on_from_step=self.position.step)
        loader = self._loader()
        total = self.settings.num_epochs * self.steps_per_epoch
        images_per_step = self.settings.batch_size * self.settings.accumulate_steps
        interrupt = Interruptible()
        try:
            with (
                interrupt,
                TrainingProgress(total, self.position.step, images_per_step, self.console) as progress,
            ):
                for epoch in range(self.position.epoch, self.settings.num_epochs):
                    progress.start_epoch(epoch, self.settings.num_epochs)
                    self._train_epoch(epoch, loader, progress, interrupt)
                    self._end_epoch(epoch, progress)
                    if interrupt.requested and epoch + 1 < self.settings.num_epochs:
                        raise self._interrupted()  # all is saved already
        except RuntimeError as error:
            # a SIGTERM to the whole process group ends the loader's workers before a step can be finished
            if "DataLoader worker" not in str(error) or not interrupt.requested_soon():
                raise
            self.console.print("stopped by a signal; go on from the last saved step with --resume")
            raise KeyboardInterrupt from None
        finally:
            self.log.close()

    def _train_epoch(
        self, epoch: int, loader: DataLoader, progress: TrainingProgress, interrupt: Interruptible
    ) -> None:
        self.method.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(epoch)
        kept: list[Losses] = []
        batches = self._batches(epoch, loader, progress)
        while self.position.step_in_epoch < self.steps_per_epoch:
            losses = self._step(batches)
            self.position.step += 1
            self.position.step_in_epoch += 1
            progress.step()
            # without maps and graphs, which would hold on to the device's memory
            kept.append(Losses({name: term.detach() for name, term in losses.terms.items()}, {}, losses.health))
            step = self.position.step
            if step % LOG_EVERY == 0 or self.position.step_in_epoch == self.steps_per_epoch:
                self._log_steps(kept, progress)
                kept = []
            if self._is_time_for_pictures(step):
                for name, picture in self.hooks.picture(losses).items():
                    self.log.picture(name, step, picture)
            if interrupt.requested:
                self._save_last(None)
                raise self._interrupted()
            if self.run.save_steps and step % self.run.save_steps == 0:
                self._save_last(None)
        batches.close()

    def _interrupted(self) -> KeyboardInterrupt:
        self.console.print(f"stopped at step {self.position.step}; go on with --resume")
        return KeyboardInterrupt()

    def _step(self, batches: Iterator[tuple[Batch, torch.Generator]]) -> Losses:
        """One optimiser step, over `accumulate_steps` batches."""
        for _ in range(self.settings.accumulate_steps):
            batch, generator = next(batches)
            with self.precision.autocast():
                losses = self.method.losses(batch, generator)
            total = losses.total / self.settings.accumulate_steps
            self.guard.watch(self.position.step + 1, losses, batch.names)
            self.precision.scaler.scale(total).backward()
        self.precision.scaler.unscale_(self.optimizer)
        limit = self.settings.clip_gradient_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        if not self.precision.scaler.is_enabled():  # the scaler skips steps with an overflow by itself
            self.guard.watch_gradient(norm, self.method.networks)
        if self.precision.step(self.optimizer):
            self.average.update()
        self.optimizer.zero_grad(set_to_none=True)
        return losses

    def _end_epoch(self, epoch: int, progress: TrainingProgress) -> None:
        """Validate, keep the best, save; then the position is the start of the next epoch."""
        self.guard.check()
        self.method.eval()
        with self.average.applied():
            validation = self.hooks.validate(self.method, progress.validating)
        self.position.epoch, self.position.step_in_epoch = epoch + 1, 0
        models = self.folder / "models"
        self.log.write("validation", self.position.step, {"epoch": epoch, **validation.values})
        text = ", ".join(f"{name} {value:.4g}" for name, value in validation.values.items())
        self.console.print(f"epoch {epoch + 1}: {text} ({validation.protocol})", highlight=False)
        best = self.position.best_score
        if math.isfinite(validation.score) and (best is None or validation.score < best):
            self.position.best_score = validation.score
            self._save(models / "best", validation)
        if (epoch + 1) % self.run.save_frequency == 0:
            self._save(models / f"weights_{epoch}", validation)
        self._save_last(validation)

    def learning_rate(self, epoch: int) -> float:
        """As published: a tenth after every `scheduler_step_size` whole epochs (15: epochs 0 to 14 are full)."""
        return self.settings.learning_rate * 0.1 ** (epoch // self.settings.scheduler_step_size)

    # ---------------------------------------------------------------- data

    def _loader(self) -> DataLoader:
        workers = self.data.num_workers
        return DataLoader(
            self.data.dataset,
            batch_sampler=self.sampler,
            collate_fn=self.data.collate,
            num_workers=workers,
            worker_init_fn=leave_ctrl_c_to_the_main_process,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == "cuda",
            # the loader would draw its base seed from the global generator: a resumed run draws as often
            generator=torch.Generator().manual_seed(self.run.seed),
        )

    def _batches(
        self, epoch: int, loader: DataLoader, progress: TrainingProgress
    ) -> Generator[tuple[Batch, torch.Generator], None, None]:
        self.sampler.start_at(epoch, self.position.step_in_epoch * self.settings.accumulate_steps)
        stream = iter(loader)
        while True:
            start = time.perf_counter()
            try:
                raw = next(stream)
            except StopIteration:
                return
            progress.waited(time.perf_counter() - start)
            generator = torch.Generator(self.device).manual_seed(self.run.seed * 1_000_003 + self.position.step)
            yield self.data.prepare(raw), generator

    # ---------------------------------------------------------------- what is written

    def _log_steps(self, kept: list[Losses], progress: TrainingProgress) -> None:
        mean = {name: float(torch.stack([one.terms[name] for one in kept]).mean()) for name in kept[0].terms}
        health = {name: float(torch.stack([one.health[name] for one in kept]).mean()) for name in kept[0].health}
        loss = sum(mean.values())
        shown = progress.show(loss)
        rate = self.optimizer.param_groups[0]["lr"]
        values = {"epoch": self.position.epoch, "loss": loss, "learning_rate": rate, **shown, **mean, **health}
        self.log.write("train", self.position.step, values)
        for one in kept:
            for sentence in self.health.watch(self.position.step, one):
                self.console.print(f"[yellow]warning[/yellow] {sentence}", highlight=False)
                self.log.write("health", self.position.step, {"finding": sentence})

    def _is_time_for_pictures(self, step: int) -> bool:
        every = self.run.log_frequency if step <= 2000 else 8 * self.run.log_frequency
        return step % every == 0

    def _save_last(self, validation: Validation | None) -> None:
        state = capture(self.position, self.optimizer, self.precision.scaler, self.average, self.hooks.options)
        self._save(self.folder / "models" / "last", validation, state)

    def _save(self, folder: Path, validation: Validation | None, state: dict[str, Any] | None = None) -> None:
        self.guard.check()  # nothing is saved after a loss that was no number
        meta = self.hooks.describe(self.position, validation)
        with self.average.applied():
            save_checkpoint(folder, dict(self.method.networks.items()), meta, state)

    def _resume(self) -> bool:
        folder = find_checkpoint(self.folder / "models" / "last")
        if folder is None:
            self.console.print(f"--resume: {self.folder} holds no checkpoint yet, starting from the beginning")
            return False
        checkpoint = load_checkpoint(folder, with_training_state=True)
        state = checkpoint.training_state
        assert state is not None  # load_checkpoint says it when a folder has none
        changed = changed_options(state["options"], self.hooks.options, MAY_CHANGE)
        if changed:
            raise UserError(
                f"--resume goes on to the same numbers, but these options differ from those of {folder}: "
                f"{'; '.join(changed)}. Use the same options, or start a run of another --model_name with "
                f"--load_weights_folder {folder}"
            )
        load_into(self.method.networks, checkpoint, None)
        self.position = restore(state, self.optimizer, self.precision.scaler, self.average)
        self.console.print(f"resuming at epoch {self.position.epoch + 1}, step {self.position.step}")
        return True
