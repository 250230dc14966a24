"""A method and data small enough to train in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.config import OptimizerConfig, RunConfig
from selfsup_depth.structures import Batch, DepthPrediction, Losses, Method, View
from trainer.hooks import Hooks, TrainingData, Validation
from trainer.loop import Trainer
from trainer.processes import ALONE, Processes

CPU = torch.device("cpu")


class ToyMethod(Method):
    """Fits an image's mean; has batch norm (buffers), dropout (global randomness) and loss noise."""

    def __init__(self, poison_step: int | None = None, poison: str = "loss") -> None:
        super().__init__()
        torch.manual_seed(0)  # every toy starts from the same weights
        layers = [nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.Conv2d(4, 1, 1)]
        self.networks = nn.ModuleDict({"depth": nn.Sequential(*layers)})
        self.calls, self.poison_step, self.poison = 0, poison_step, poison

    def losses(self, batch, generator=None):
        disp = torch.sigmoid(self.networks["depth"](batch.target.network_image)).float()
        noise = 1e-2 * torch.randn(disp.shape, generator=generator, device=disp.device)
        fit = (disp + noise - batch.target.image.mean(1, keepdim=True)).square().mean()
        if self.calls == self.poison_step:
            fit = fit * float("nan") if self.poison == "loss" else fit + _InfiniteGradient.apply(disp.mean())
        self.calls += 1
        terms = {"fit": fit, "small": 1e-3 * disp.mean()}
        return Losses(terms, {"image": batch.target.image}, {"level": disp.mean().detach()})

    def predict(self, images, intrinsics=None):
        return DepthPrediction(1 / torch.sigmoid(self.networks["depth"](images)), metric=True)


class _InfiniteGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value * 0

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("inf")


class ToyData(Dataset):
    """Sample = f(epoch, index): what the loader is asked for is what comes out."""

    def __init__(self, length: int = 20) -> None:
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, key):
        epoch, index = key
        generator = torch.Generator().manual_seed(1000 * epoch + index)
        return index, torch.rand(3, 8, 8, generator=generator)


def collate(samples):
    return [index for index, _ in samples], torch.stack([image for _, image in samples])


def prepare(raw) -> Batch:
    indices, images = raw
    return Batch(View(images, images, torch.eye(3)), {}, indices=indices, names=[f"sample {i}" for i in indices])


@dataclass(frozen=True)
class Setup:
    folder: Path
    settings: OptimizerConfig = OptimizerConfig(batch_size=4, num_epochs=3, learning_rate=1e-2)
    run: RunConfig = RunConfig(no_cuda=True)
    workers: int = 0
    processes: Processes = ALONE

    def trainer(self, method: Method | None = None, length: int = 20, **hooks) -> Trainer:
        method = method or ToyMethod()
        defaults = {
            "describe": lambda position, result: toy_meta(position),
            "validate": lambda trained, tick: Validation(1.0, "toy", {"score": 1.0}),
            "picture": lambda losses: {},
            "options": {"learning_rate": self.settings.learning_rate, "batch_size": self.settings.batch_size},
        }
        run = replace(self.run, log_dir=self.folder, model_name="toy")
        data = TrainingData(ToyData(length), collate, prepare, self.workers)
        return Trainer(method, data, Hooks(**(defaults | hooks)), self.settings, run, CPU, self.processes)

    def changed(self, *, run: dict | None = None, workers: int = 0, **settings) -> Setup:
        return replace(
            self, settings=replace(self.settings, **settings), run=replace(self.run, **(run or {})), workers=workers
        )


def toy_meta(position) -> CheckpointMeta:
    return CheckpointMeta(
        library_version="0", method="toy", config={}, encoder="toy", upsample="nearest", scales=(0,), height=64,
        width=64, min_depth=0.1, max_depth=100.0, metres_per_unit=None, scale_source="none", frame_ids=(0,),
        step=position.step, epoch=position.epoch,
    )  # fmt: skip


@pytest.fixture
def setup(tmp_path) -> Setup:
    return Setup(tmp_path)
