"""The pass over a validation set, with a method that reads depth off the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from selfsup_depth.datasets import DatasetRequest, build_dataset
from selfsup_depth.evaluation.extras import EXTRA_NAMES, ExtraSettings
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth, validate_losses
from selfsup_depth.structures import Batch, DepthPrediction, Losses, Method

SIZE = 32
CPU = torch.device("cpu")


class Red(Method):
    """Depth = 2 * red + 1 metres, which is what `rooms` writes."""

    metres_per_unit = 1.0

    def predict(self, images: Tensor, intrinsics: Tensor | None = None) -> DepthPrediction:
        return DepthPrediction(2 * images[:, :1] + 1, metric=True)

    def losses(self, batch: Batch, generator: torch.Generator | None = None) -> Losses:
        return Losses({"red": batch.target.image[:, 0].mean()})


def rooms(root: Path, count: int = 3) -> Path:
    """SimSIN's layout; depth 1 m left of a column and 3 m right of it."""
    (root / "room").mkdir()
    lines = []
    for number in range(count):
        picture = np.zeros((SIZE, SIZE, 3), np.uint8)
        picture[:, 10 + number :, 0] = 255
        Image.fromarray(picture).save(root / "room" / f"{number:03d}_0.png")
        np.save(root / "room" / f"{number:03d}_0_depth.npy", 1 + 2 * (picture[..., 0] / 255).astype(np.float32))
        lines.append(f"room/{number:03d}_0 {number} l")
    (root / "val_files.txt").write_text("\n".join(lines))
    return root


def data(root: Path, *, with_depth: bool = True) -> ValidationSet:
    request = DatasetRequest(SIZE, SIZE, data_path=str(root), part="val", with_depth=with_depth)
    return ValidationSet(build_dataset("simsin", request), batch_size=2, num_workers=0)


def test_every_item_once_and_counted(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    result, accumulator = validate_depth(
        Red(), data(rooms(tmp_path)), PROTOCOLS["simsin"], CPU, lambda *counts: seen.append(counts),
        keep_ground_truth=True,
    )  # fmt: skip
    assert seen == [(2, 3), (3, 3)]
    assert result.scored_count == 3 and result.headline.mae == pytest.approx(0, abs=1e-6)
    assert len(accumulator.valid_depths) == 3
    assert not result.extras


def test_extras_with_the_cameras_of_the_batch(tmp_path: Path):
    settings = ExtraSettings(EXTRA_NAMES)
    result, _ = validate_depth(Red(), data(rooms(tmp_path)), PROTOCOLS["simsin"], CPU, extras=settings)
    means = {extra.name: extra.mean for extra in result.extras}
    assert means["edge_acc"] == means["edge_comp"] == 0
    assert means["chamfer"] == pytest.approx(0, abs=1e-5) and means["f_score@0.1"] == 100
    assert all(extra.images == 3 for extra in result.extras)


def test_data_without_depth_has_no_scores(tmp_path: Path):
    with pytest.raises(ValueError, match="needs a data set built with_depth"):
        validate_depth(Red(), data(rooms(tmp_path), with_depth=False), PROTOCOLS["simsin"], CPU)


def test_lost_images_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lossy = data(rooms(tmp_path))
    batches = list(lossy)[:1]
    monkeypatch.setattr(ValidationSet, "__iter__", lambda self: iter(batches))
    with pytest.raises(AssertionError, match="validation lost images"):
        validate_depth(Red(), lossy, PROTOCOLS["simsin"], CPU)


def test_losses_are_means_over_images_and_not_batches(tmp_path: Path):
    losses = validate_losses(Red(), data(rooms(tmp_path), with_depth=False), CPU)
    assert losses["red"] == pytest.approx(np.mean([(SIZE - 10 - n) / SIZE for n in range(3)]))


def parts(root: Path, count: int, **of_set: bool) -> list[ValidationSet]:
    """The sets of so many processes that share the items."""
    dataset = data(root, **of_set).dataset
    ends = [len(dataset) * rank // count for rank in range(count + 1)]
    return [ValidationSet(dataset, 2, 0, part=range(*ends[rank : rank + 2])) for rank in range(count)]


class Meeting:
    """Stands for processes that gather: one after the other says what it found, the last one hears all."""

    def __init__(self) -> None:
        self.said: list[list[object]] = []

    def gather(self, found: object) -> list[object]:
        self.said.append([found])
        return [found]

    def hear(self, found: object) -> list[object]:
        return [said for (said,) in self.said] + [found]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_several_processes_score_every_item_once(tmp_path: Path, count: int):
    whole, _ = validate_depth(Red(), data(rooms(tmp_path)), PROTOCOLS["simsin"], CPU, keep_ground_truth=True)
    meeting, sets = Meeting(), parts(tmp_path, count)
    for held_out in sets[:-1]:
        if len(held_out):
            validate_depth(Red(), held_out, PROTOCOLS["simsin"], CPU, gather=meeting.gather)
        else:  # fewer items than processes: this one has nothing to say
            with pytest.raises(AssertionError):
                validate_depth(Red(), held_out, PROTOCOLS["simsin"], CPU, gather=meeting.gather)
    result, kept = validate_depth(
        Red(), sets[-1], PROTOCOLS["simsin"], CPU, keep_ground_truth=True, gather=meeting.hear
    )
    assert result == whole
    assert [row.name for row in result.rows] == [row.name for row in whole.rows]


class Counting(Red):
    """A mean over red pixels, of which the pictures have different numbers."""

    def losses(self, batch: Batch, generator: torch.Generator | None = None) -> Losses:
        red = batch.target.image[:, 0] > 0.5
        columns = torch.arange(SIZE, dtype=torch.float32).expand(red.shape)
        mean = torch.where(red, columns, 0.0).sum() / red.sum().clamp(min=1)
        return Losses({"column": mean, "all": columns.mean()}, counts={"column": red.sum()})


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_losses_are_means_over_what_is_counted_and_not_over_batches_or_processes(tmp_path: Path, count: int):
    rooms(tmp_path)
    meeting, sets = Meeting(), parts(tmp_path, count, with_depth=False)
    for held_out in sets[:-1]:
        validate_losses(Counting(), held_out, CPU, gather=meeting.gather)
    losses = validate_losses(Counting(), sets[-1], CPU, gather=meeting.hear)
    columns = np.concatenate([np.arange(10 + number, SIZE) for number in range(3)])
    assert losses == pytest.approx({"column": columns.mean(), "all": (SIZE - 1) / 2})
