"""What the processes of test_processes.py do; a module of its own, so that they can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import torch
from torch import nn

from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses, Method
from tests.trainer.conftest import CPU, Setup, ToyMethod, toy_meta
from trainer.ending import launched
from trainer.hooks import Validation
from trainer.state import Position


class Counting(Method):
    """Its loss is a mean over the pixels that it counts: many of the first samples, hardly any of the last ones.

    No noise, no dropout: one process and several compute the same.
    """

    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        # no bias before a norm: its gradient is rounding, which Adam makes as large as any
        first = [nn.Conv2d(3, 4, 3, bias=not norm), *([nn.BatchNorm2d(4)] if norm else [])]
        layers = [nn.ReflectionPad2d(1), *first, nn.ELU(), nn.Conv2d(4, 1, 1)]
        self.networks = nn.ModuleDict({"depth": nn.Sequential(*layers)})

    def losses(self, batch, generator=None):
        image = batch.target.image
        error = (self.networks["depth"](batch.target.network_image) - image.mean(1, keepdim=True)).square()
        counted = torch.stack([counted_pixels(index, error.shape[1:]) for index in batch.indices])
        terms = {
            "fit": torch.where(counted, error, 0.0).sum() / counted.sum().clamp(min=1),
            "size": 1e-2 * error.mean(),
        }
        return Losses(terms, {}, {"level": error.mean().detach()}, {"fit": counted.sum()})


def counted_pixels(index: int, shape: torch.Size) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(index)) < 0.9 / (1 + index)


class Sparing(Counting):
    """Has parameters that no batch needs, and some that only every other one does."""

    leaves_parameters_unused = True

    def __init__(self) -> None:
        super().__init__()
        self.networks["spare"] = nn.ModuleList([nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)])

    def losses(self, batch, generator=None):
        losses = super().losses(batch, generator)
        used = self.networks["spare"][0](batch.target.image).square().mean() if batch.step % 2 else torch.zeros(())
        losses.terms["now and then"] = used
        return losses


METHODS = {"counting": Counting, "normed": lambda: Counting(norm=True), "sparing": Sparing, "toy": ToyMethod}
Changes = dict[str, object]


def train(
    folder: Path, name: str, changes: Changes, length: int = 23, method: Method | None = None, **hooks: object
) -> None:
    """Train a method; every process leaves its weights behind."""
    with launched() as processes:
        with processes.in_turn():
            pass
        processes.connect(CPU)
        setup = Setup(folder, processes=processes).changed(**changes)
        trainer = setup.trainer(method or METHODS[name](), length, validate=validate, **hooks)
        trainer.fit()
        torch.save(trainer.method.networks.state_dict(), folder / f"weights{processes.rank}.pt")


def validate(method: Method, tick: object) -> Validation:
    """A score of the weights."""
    score = float(sum(p.detach().square().sum() for p in method.networks.parameters()))
    return Validation(score, "toy", {"score": score})


class Struck(Counting):
    """Something happens to one process when it has taken some steps."""

    def __init__(self, rank: int, step: int, what: str) -> None:
        super().__init__()
        self.rank, self.step, self.what = rank, step, what

    def losses(self, batch, generator=None):
        losses = super().losses(batch, generator)
        if batch.step == self.step and int(os.environ["RANK"]) == self.rank:
            if self.what == "out of memory" and len(batch.names) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            if self.what != "out of memory":
                self.strike(losses)
        return losses

    def strike(self, losses: Losses) -> None:
        if self.what == "bad picture":
            raise UserError("picture_7.png cannot be read")
        if self.what == "no number":
            losses.terms["fit"] = losses.terms["fit"] * float("nan")
        else:
            os.kill(os.getpid(), getattr(signal, self.what))


def struck(folder: Path, rank: int, step: int, what: str, changes: Changes) -> None:
    """Train until it happens. Saving takes a moment; each process leaves behind what was saved when it ended."""

    def describe(position: Position, result: Validation | None) -> CheckpointMeta:
        time.sleep(0.2)
        return toy_meta(position)

    try:
        train(folder, "", changes, method=Struck(rank, step, what), describe=describe)
    finally:
        saved = load_checkpoint(folder / "toy" / "models" / "last").meta.step
        (folder / f"saved{os.environ['RANK']}").write_text(str(saved))


def in_turn(folder: Path, ends: str) -> None:
    """Each process says when it was its turn; the main one may end before."""
    with launched() as processes:
        with processes.in_turn():
            if processes.is_main and ends == "bad option":
                raise UserError("--colour blue is not known")
            if processes.is_main and ends == "help":
                raise SystemExit(0)
            time.sleep(0.1 if processes.local_rank == 0 else 0.05)
            (folder / f"turn{processes.rank}").write_text(str(time.monotonic()))
        (folder / f"left{processes.rank}").write_text(str(time.monotonic()))


def other_data(folder: Path) -> None:
    with launched() as processes:
        processes.connect(CPU)
        options = {"samples": f"20 samples, {'ab'[processes.rank]}"}
        Setup(folder, processes=processes).trainer(Counting(), options=options)
