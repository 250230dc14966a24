"""Batches in memory that is used again: the same batches, whichever way workers are started, and no place is lost."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from selfsup_depth.datasets import BatchMemory, RawBatch, ShelvedBatch, ViewDataset, collate
from selfsup_depth.datasets import batch_memory as module
from selfsup_depth.datasets.batch_memory import SLOTS
from selfsup_depth.datasets.shared_memory import SharedBytes

KEYS = [(epoch, index) for epoch in range(6) for index in (0, 1, 2, 4)]


@pytest.fixture
def clip(one_camera, ask) -> ViewDataset:
    request = ask(frame_ids=(0,), is_train=True)
    return ViewDataset("clip", one_camera(request), request)


def loader(data: ViewDataset, together, start: str = "fork", batch: int = 4, workers: int = 2) -> DataLoader:
    return DataLoader(
        data, batch, sampler=KEYS, collate_fn=together, num_workers=workers,
        multiprocessing_context=start if workers else None,
    )  # fmt: skip


def assert_same(one: RawBatch, other: RawBatch) -> None:
    assert (one.indices, one.names, one.augmentations) == (other.indices, other.names, other.augmentations)
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.intrinsics, other.intrinsics)
    assert torch.equal(one.flip, other.flip)
    assert (one.jitter is None) == (other.jitter is None)
    if one.jitter is not None:
        assert torch.equal(one.jitter.before, other.jitter.before)
        assert one.jitter.counts_before == other.jitter.counts_before


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_batches_are_the_same_as_without(clip, start):
    memory = BatchMemory(2, 4, 1, (12, 40))
    expected = list(loader(clip, collate, workers=0))
    received = []
    for batch in loader(clip, memory, start):
        assert isinstance(batch, ShelvedBatch)
        received.append(batch.to("cpu"))
    for one, other in zip(received, expected, strict=True):
        assert_same(one, other)


def test_what_was_copied_out_stays_when_the_place_is_used_again(clip):
    memory = BatchMemory(1, 4, 1, (12, 40))
    batches = [batch.to("cpu") for batch in loader(clip, memory, workers=1)]
    assert len(batches) == 6 > SLOTS
    assert not memory._taken.tensor.any()
    for one, other in zip(batches, loader(clip, collate, workers=0), strict=True):
        assert_same(one, other)


def test_batches_that_nobody_wanted_give_their_places_back(clip):
    """As at the end of an epoch whose last batches do not make a step."""
    memory = BatchMemory(1, 4, 1, (12, 40))
    persistent = DataLoader(clip, 4, sampler=KEYS, collate_fn=memory, num_workers=1, persistent_workers=True)
    for _ in range(SLOTS + 1):
        stream = iter(persistent)
        assert type(next(stream)) is ShelvedBatch
    list(persistent)
    assert not memory._taken.tensor.any()


def test_a_place_that_was_given_back_is_not_read_again(clip):
    (batch, *_) = loader(clip, BatchMemory(1, 4, 1, (12, 40)), workers=1)
    batch.to("cpu")
    with pytest.raises(AssertionError, match="copied out of its place once"):
        batch.to("cpu")


def test_batches_that_are_kept_leave_ordinary_ones(clip):
    """So that no use of a loader can wait for a place for ever, or overwrite what somebody still has."""
    memory = BatchMemory(1, 4, 1, (12, 40))
    kept = list(loader(clip, memory, workers=1))
    assert [type(batch) for batch in kept] == [ShelvedBatch] * SLOTS + [RawBatch] * 2
    for one, other in zip(kept, loader(clip, collate, workers=0), strict=True):
        assert_same(one.to("cpu"), other)


def test_a_larger_batch_than_foreseen_is_an_ordinary_one(clip):
    for size, kind in ((4, RawBatch), (3, ShelvedBatch), (2, ShelvedBatch)):
        (batch, *_) = loader(clip, BatchMemory(1, 3, 1, (12, 40)), batch=size, workers=1)
        assert type(batch) is kind
        assert batch.to("cpu").images.shape == (1, size, 3, 12, 40)


def test_it_is_page_locked_by_a_copy(clip, monkeypatch):
    (batch, *_) = loader(clip, BatchMemory(1, 4, 1, (12, 40)), workers=1)
    pinned: list[torch.Tensor] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor.clone())
    whole = batch.pin_memory()
    assert [tensor.shape for tensor in pinned].count((1, 4, 3, 12, 40)) >= 1
    assert any(tensor.shape == (4,) and tensor.dtype == torch.bool for tensor in pinned)
    (expected, *_) = loader(clip, collate, workers=0)
    assert_same(whole, expected)


def test_without_workers_it_is_collate(clip):
    (batch, *_) = loader(clip, BatchMemory(1, 4, 1, (12, 40)), workers=0)
    assert type(batch) is RawBatch


def test_a_message_holds_no_images(clip, monkeypatch):
    class Worker:
        id = 0

    monkeypatch.setattr(module, "get_worker_info", Worker)
    memory = BatchMemory(1, 4, 1, (12, 40))
    assert len(pickle.dumps(memory([clip[key] for key in KEYS[:4]]))) < 4 * 3 * 12 * 40


def test_shared_bytes_are_one_memory_after_a_pickle():
    shared = SharedBytes(5)
    assert shared.tensor.tolist() == [0] * 5
    copy = pickle.loads(pickle.dumps(shared))
    copy.tensor[3] = 7
    assert shared.tensor.tolist() == [0, 0, 0, 7, 0]
    del shared
    copy.tensor[0] = 1
    assert copy.tensor.tolist() == [1, 0, 0, 7, 0]
    assert SharedBytes(0).tensor.shape == (0,)
