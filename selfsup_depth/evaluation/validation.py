"""A pass over a whole validation set: true metrics where there is depth, the training loss where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from selfsup_depth.datasets import ViewDataset, augment, collate
from selfsup_depth.datasets.augmentation import RawBatch
from selfsup_depth.evaluation.accumulator import EvaluationResult, ScoreAccumulator
from selfsup_depth.evaluation.cameras import camera_of_image
from selfsup_depth.evaluation.extras import ExtraSettings
from selfsup_depth.evaluation.modes import validation_mode
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.scoring import NO_EXTRAS
from selfsup_depth.structures import Method
from selfsup_depth.workers import begin_worker

Tick = Callable[[int, int], None]  # images done, images in all


class ValidationSet:
    """Every item of a data set, in order, in batches; the last one may be smaller."""

    def __init__(self, dataset: ViewDataset, batch_size: int, num_workers: int) -> None:
        self.dataset = dataset
        self.loader = DataLoader(
            dataset,
            batch_size=batch_size,
            collate_fn=collate,
            num_workers=num_workers if len(dataset) > batch_size else 0,
            # the loader must not draw from the global generator, on which a resumed run depends
            generator=torch.Generator(),
            worker_init_fn=begin_worker,
        )

    def __iter__(self) -> Iterator[RawBatch]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.dataset)


def validate_depth(
    method: Method,
    data: ValidationSet,
    protocol: Protocol,
    device: torch.device,
    tick: Tick | None = None,
    *,
    keep_ground_truth: bool = False,
    extras: ExtraSettings = NO_EXTRAS,
) -> tuple[EvaluationResult, ScoreAccumulator]:
    """Score the depth of every item. Un-aligned where method and ground truth are metric, else median-aligned.

    Args:
        keep_ground_truth: also keep the valid depths, for baselines.
        extras: further metrics, of edges or point clouds, of the same column.
    """
    accumulator: ScoreAccumulator | None = None
    for raw in data:
        prediction = method.predict(target_images(raw, device))
        if accumulator is None:
            mode = validation_mode(prediction.metric, protocol)
            accumulator = ScoreAccumulator(protocol, mode, keep_ground_truth=keep_ground_truth, extras=extras)
        if raw.depth is None:
            raise ValueError("validate_depth needs a data set built with_depth")
        height, width = raw.images.shape[-2:]
        for i, inverse in enumerate(prediction.inverse_depth):
            camera = camera_of_image(raw.intrinsics[0][i], height, width)
            accumulator.add(inverse, raw.depth[i][0].numpy(), raw.names[i], camera)
        if tick:
            tick(len(accumulator.rows), len(data))
    if accumulator is None or len(accumulator.rows) != len(data):
        raise AssertionError("validation lost images")
    return accumulator.result(), accumulator


@torch.no_grad()
def validate_losses(
    method: Method, data: ValidationSet, device: torch.device, tick: Tick | None = None
) -> dict[str, float]:
    """Mean loss terms over every item, for data without depth. The same noise at every pass."""
    sums: dict[str, Tensor] = {}
    done = 0
    for raw in data:
        batch = augment(raw.to(device))
        losses = method.losses(batch, torch.Generator(device).manual_seed(done))
        for name, term in losses.terms.items():
            sums[name] = sums.get(name, torch.zeros((), device=device)) + term * len(raw.names)
        done += len(raw.names)
        if tick:
            tick(done, len(data))
    return {name: float(total) / done for name, total in sums.items()}


def target_images(raw: RawBatch, device: torch.device) -> Tensor:
    """[B, 3, H, W] the targets of a raw batch in [0, 1], without augmentation."""
    return raw.images[0].to(device, torch.float32) / 255
