"""A pass over a whole validation set: true metrics where there is depth, the training loss where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

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
#: What each process of a run found, in the order of the processes, from what this one found.
Gather = Callable[[Any], list[Any]]


def of_one_process(found: Any) -> list[Any]:
    return [found]


class ValidationSet:
    """Every item of a data set, in order, in batches; the last one may be smaller.

    Args:
        part: the items of it that are this process's, where several process one set.
    """

    def __init__(
        self, dataset: ViewDataset, batch_size: int, num_workers: int, *, part: range | None = None
    ) -> None:
        self.dataset = dataset
        self.indices = range(len(dataset)) if part is None else part
        self.loader = DataLoader(
            Subset(dataset, self.indices),
            batch_size=batch_size,
            collate_fn=collate,
            num_workers=num_workers if len(self.indices) > batch_size else 0,
            # the loader must not draw from the global generator, on which a resumed run depends
            generator=torch.Generator(),
            worker_init_fn=begin_worker,
        )

    def __iter__(self) -> Iterator[RawBatch]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.indices)


def validate_depth(
    method: Method,
    data: ValidationSet,
    protocol: Protocol,
    device: torch.device,
    tick: Tick | None = None,
    *,
    keep_ground_truth: bool = False,
    extras: ExtraSettings = NO_EXTRAS,
    gather: Gather = of_one_process,
) -> tuple[EvaluationResult, ScoreAccumulator]:
    """Score the depth of every item. Un-aligned where method and ground truth are metric, else median-aligned.

    Args:
        keep_ground_truth: also keep the valid depths, for baselines.
        extras: further metrics, of edges or point clouds, of the same column.
        gather: of several processes, each with its part of the items; all return the result of all items.
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
    own = None if accumulator is None else (accumulator.mode, accumulator.rows, accumulator.valid_depths)
    parts = gather((len(data), own))
    found = [part for _, part in parts if part is not None]  # there may be fewer items than processes
    if not found or sum(len(rows) for _, rows, _ in found) != sum(length for length, _ in parts):
        raise AssertionError("validation lost images")
    whole = ScoreAccumulator(protocol, found[0][0], keep_ground_truth=keep_ground_truth, extras=extras)
    whole.rows = [row for _, rows, _ in found for row in rows]
    whole.valid_depths = [depths for _, _, of_rows in found for depths in of_rows]
    return whole.result(), whole


@torch.no_grad()
def validate_losses(
    method: Method,
    data: ValidationSet,
    device: torch.device,
    tick: Tick | None = None,
    *,
    gather: Gather = of_one_process,
) -> dict[str, float]:
    """Mean loss terms over every item, for data without depth. The same noise at every pass.

    Means are over all that is counted, whatever the batches and, with `gather`, the processes.
    """
    sums: dict[str, Tensor] = {}  # name -> the term times what it is a mean of, and that
    done = 0
    for raw in data:
        batch = augment(raw.to(device))
        losses = method.losses(batch, torch.Generator(device).manual_seed(data.indices.start + done))
        for name, term in losses.terms.items():
            count = torch.as_tensor(losses.counts.get(name, len(raw.names)), device=device).double()
            both = torch.stack([torch.where(count > 0, term.double() * count, 0.0), count])
            sums[name] = sums.get(name, torch.zeros_like(both)) + both
        done += len(raw.names)
        if tick:
            tick(done, len(data))
    parts = gather({name: both.cpu() for name, both in sums.items()})
    totals = {name: sum(part.get(name, 0) for part in parts) for name in max(parts, key=len)}
    return {name: float(total / count.clamp(min=1)) for name, (total, count) in totals.items()}


def target_images(raw: RawBatch, device: torch.device) -> Tensor:
    """[B, 3, H, W] the targets of a raw batch in [0, 1], without augmentation."""
    return raw.images[0].to(device).float() / 255  # bytes travel
