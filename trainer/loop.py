"""The training loop. It knows a method only as `Method`, and data only as something that becomes a Batch."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain

import torch
from torch.utils.data import DataLoader

from selfsup_depth.config import OptimizerConfig, RunConfig
from selfsup_depth.errors import UserError
from selfsup_depth.memory import is_out_of_memory, run_or_say_what_fits
from selfsup_depth.structures import Batch, Losses, Method
from selfsup_depth.workers import begin_worker
from trainer.averaging import WeightAverage
from trainer.batch_norm import synchronise_batch_norms
from trainer.ending import ConnectionLost
from trainer.guard import FiniteGuard
from trainer.hooks import Hooks, TrainingData
from trainer.interrupt import Interruptible
from trainer.parallel import ParallelMethod
from trainer.precision import Precision
from trainer.processes import ALONE, Processes, is_lost_connection
from trainer.progress import TrainingProgress
from trainer.recorder import Recorder
from trainer.refusals import refuse_differences, too_few_samples, too_small_batch
from trainer.sampler import EpochSampler
from trainer.seeds import dropout_seed, noise_seed
from trainer.state import Position, TrainingState


def choose_device(run: RunConfig, processes: Processes = ALONE) -> torch.device:
    """The GPU where there is one and it is wanted; of several processes of a machine each has its own.

    Raises UserError when a machine has more processes than GPUs.
    """
    if not torch.cuda.is_available() or run.no_cuda:
        return torch.device("cpu")
    if processes.alone:
        return torch.device("cuda")
    if processes.local_count > torch.cuda.device_count():
        raise UserError(
            f"torchrun started {processes.local_count} processes on a machine with {torch.cuda.device_count()} GPU(s), "
            "but each process needs one: give as many as --nproc_per_node, or train on the CPU with --no_cuda"
        )
    torch.cuda.set_device(processes.local_rank)
    return torch.device("cuda", processes.local_rank)


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
        processes: Processes = ALONE,
    ) -> None:
        self.device, self.processes = device, processes
        # the order in memory that convolutions are fastest in, on every device measured
        self.method = method.to(device)
        self.method.networks.to(memory_format=torch.channels_last)
        self.data, self.hooks, self.settings, self.run = data, hooks, settings, run
        refuse_differences(processes, hooks.options)
        rank, count = processes.rank, processes.count
        length = len(data.dataset)  # type: ignore[arg-type]
        self.sampler = EpochSampler(length, settings.batch_size, seed=run.seed, rank=rank, count=count)
        self.steps_per_epoch = len(self.sampler) // settings.accumulate_steps
        if self.steps_per_epoch == 0:
            raise too_few_samples(self.sampler.length, settings)
        if settings.batch_size < count:
            raise too_small_batch(settings.batch_size, count)
        if settings.sync_batchnorm and not processes.alone:
            synchronise_batch_norms(method.networks, device)
        self.parameters = [p for p in method.networks.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=settings.learning_rate, fused=True)
        self.precision = Precision(settings.precision, self.device)
        self.average = WeightAverage(method.networks, settings.ema_decay)
        self.guard = FiniteGuard(self.device, processes)
        self.parallel = ParallelMethod(method, processes, len(self.sampler.share), settings.batch_size)
        self.position = Position()
        state = TrainingState(self.method, self.optimizer, self.precision.scaler, self.average, self.position)
        self.recorder = Recorder(state, self.guard, hooks, run, processes)

    # ---------------------------------------------------------------- the loop

    def fit(self) -> None:
        """Train to the last epoch. Ctrl-C saves and raises KeyboardInterrupt with a sentence on what is saved."""
        console = self.recorder.console
        if self.run.resume and self.recorder.resume():
            if self.position.epoch >= self.settings.num_epochs:
                console.print(f"this run is finished ({self.position.epoch} epochs); raise --num_epochs to go on")
                return
            console.print(f"resuming at epoch {self.position.epoch + 1}, step {self.position.step}")
        self.recorder.start()
        loader = self._loader()
        total = self.settings.num_epochs * self.steps_per_epoch
        images_per_step = self.settings.batch_size * self.settings.accumulate_steps
        interrupt = Interruptible(self.processes)
        try:
            with interrupt, TrainingProgress(total, self.position.step, images_per_step, console) as progress:
                for epoch in range(self.position.epoch, self.settings.num_epochs):
                    progress.start_epoch(epoch, self.settings.num_epochs)
                    self._train_epoch(epoch, loader, progress, interrupt)
                    interrupt.doing = "this validation"
                    self._end_epoch(epoch, progress)
                    interrupt.doing = "this step"
                    if interrupt.asked_in_any(wait=True) and epoch + 1 < self.settings.num_epochs:
                        raise KeyboardInterrupt  # all is saved already
                self.recorder.finish()
        except KeyboardInterrupt:
            raise self._stopped_by(interrupt.source) from None
        except RuntimeError as error:
            if is_lost_connection(error):
                raise ConnectionLost(self._saved()) from error
            # a SIGTERM to the whole process group ends the loader's workers before a step can be finished
            if "DataLoader worker" not in str(error) or not interrupt.requested_soon():
                raise
            raise self._stopped_by(interrupt.source) from None
        finally:
            self.recorder.close()

    def _train_epoch(
        self, epoch: int, loader: DataLoader, progress: TrainingProgress, interrupt: Interruptible
    ) -> None:
        self.method.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(epoch)
        batches = self._batches(epoch, loader, progress)
        while self.position.step_in_epoch < self.steps_per_epoch:
            losses = self._step(batches)
            self.position.step += 1
            self.position.step_in_epoch += 1
            progress.step()
            self.recorder.step(losses, progress, ends_epoch=self.position.step_in_epoch == self.steps_per_epoch)
            if interrupt.asked_in_any():
                self.recorder.save_to_stop()
                raise KeyboardInterrupt
            if self.run.save_steps and self.position.step % self.run.save_steps == 0:
                self.recorder.save_last()
        batches.close()

    @contextmanager
    def _kept_on_error(self) -> Iterator[None]:
        """Around what can fail between two steps, at a picture that cannot be read or a server that does not answer:
        what was learnt since the last checkpoint is saved before the run ends."""
        try:
            yield
        except Exception:
            if self.position.step not in (0, self.recorder.saved_step):
                with suppress(UserError):  # of a full disk, say: told is what ended the run
                    self.recorder.save_last()
            raise

    def _stopped_by(self, source: str) -> KeyboardInterrupt:
        saved = self.recorder.saved_step
        at = "" if saved in (None, self.position.step) else f" at step {self.position.step}"
        return KeyboardInterrupt(f"stopped by {source}{at}; {self._saved()}")

    def _saved(self) -> str:
        """What a run that ends now has saved, in words."""
        saved = self.recorder.saved_step
        if saved is None:
            return "nothing was saved"
        if saved == self.position.step:
            return f"step {saved} is saved: go on with --resume"
        return f"nothing since step {saved} was saved: go on from there with --resume"

    def _step(self, batches: Iterator[tuple[Batch, torch.Generator]]) -> Losses:
        """One optimiser step, over `accumulate_steps` batches."""
        torch.manual_seed(dropout_seed(self.run.seed, self.position.step, self.processes.rank))
        # only here nothing of the step is done: later batches find batch norms moved, and other processes work already
        with self._kept_on_error() if self.processes.alone else nullcontext():
            first = next(batches)
        batches = chain([first], batches)
        for remaining in reversed(range(self.settings.accumulate_steps)):
            batch, generator = next(batches)
            batch.step = self.position.step
            batch.wants_maps = self.recorder.is_time_for_pictures(self.position.step + 1)
            with self.parallel.micro_batch(last=remaining == 0):
                losses = self._within_memory(batch, generator)
        self.precision.scaler.unscale_(self.optimizer)
        limit = self.settings.clip_gradient_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        if not self.precision.scaler.is_enabled():  # the scaler skips steps with an overflow by itself
            self.guard.watch_gradient(norm, self.method.networks)
        self.parallel.share_statistics()
        if self.precision.step(self.optimizer):
            self.average.update()
        self.optimizer.zero_grad(set_to_none=True)
        return losses

    def _within_memory(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Forward and backward; raises UserError naming the --batch_size that fits where this one does not."""

        def work(samples: int) -> Losses:
            if samples == size:
                return self._forward_and_backward(batch, generator)
            return self._rehearse(batch.first(samples), generator)

        size = len(batch.target.image)
        if self.processes.alone or not self.settings.sync_batchnorm:
            return run_or_say_what_fits(work, size, self.device, "samples", processes=self.processes.count)
        try:
            return work(size)  # batch norms that wait for other processes cannot be tried by one of them
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise UserError(
                f"process {self.processes.rank}: its {size} samples of a step take more memory than the device has "
                "free: give a smaller --batch_size, or more processes"
            ) from error

    def _rehearse(self, batch: Batch, generator: torch.Generator) -> Losses:
        """What a step needs memory for, without the other processes and without leaving gradients behind."""
        with self.precision.autocast():
            losses = self.method.losses(batch, generator)
        torch.autograd.grad(losses.total, self.parameters, allow_unused=True)
        return losses

    def _forward_and_backward(self, batch: Batch, generator: torch.Generator) -> Losses:
        with self.precision.autocast():
            losses = self.parallel.losses(batch, generator)
        total = losses.total / self.settings.accumulate_steps
        self.guard.watch(self.position.step + 1, losses, batch.names)
        self.precision.scaler.scale(total).backward()
        return losses

    def _end_epoch(self, epoch: int, progress: TrainingProgress) -> None:
        """Validate; then the position is the start of the next epoch, from which a saved run goes on."""
        self.guard.check()
        self.method.eval()
        with self._kept_on_error(), self.average.applied():
            validation = self.hooks.validate(self.method, progress.validating)
        self.position.epoch, self.position.step_in_epoch = epoch + 1, 0
        self.recorder.epoch(epoch, validation)

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
            worker_init_fn=begin_worker,
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
            seed = noise_seed(self.run.seed, self.position.step, self.processes.rank)
            yield self.data.prepare(raw), torch.Generator(self.device).manual_seed(seed)
