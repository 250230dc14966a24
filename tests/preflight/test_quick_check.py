"""The short look when a training starts: quick, harmless, and it finds the gross errors."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
import torch
from planted_faults import FAULTS, drive
from recording import dataset_of

from selfsup_depth.preflight import quick, quick_check

RANGE = (0.1, 100.0)
#: What ruins a training, found by the short look too.
GROSS = (
    "left and right swapped", "right mirrored", "left copied over right", "right turned by a degree",
    "right a third brighter", "baseline in millimetres", "camera stands", "camera only turns", "frame rate too high",
    "frame rate too low", "flickering", "of half the size", "in millimetres",
)  # fmt: skip


def test_good_data_has_no_finding():
    assert quick_check(dataset_of(drive()), RANGE) == []


@pytest.mark.parametrize("name", GROSS)
def test_gross_errors_are_found(name):
    fault = FAULTS[name]
    assert fault.check in {finding.check for finding in quick_check(dataset_of(fault.make()), RANGE)}


def test_it_takes_no_more_than_two_seconds_and_says_the_same_again():
    dataset = dataset_of(FAULTS["right a pixel lower"].make())
    first = quick_check(dataset, RANGE)
    start = time.process_time()
    second = quick_check(dataset, RANGE)
    assert time.process_time() - start < 2.0
    assert [finding.line for finding in first] == [finding.line for finding in second] != []


def test_it_reads_few_pictures_of_however_large_a_set(monkeypatch):
    dataset, read = dataset_of(drive()), []
    inner = dataset.source.read_image
    monkeypatch.setattr(dataset.source, "read_image", lambda view: read.append(view) or inner(view))
    quick_check(dataset, RANGE)
    assert 0 < len(read) <= 4 * 4


def test_it_stops_reading_when_reading_is_slow(monkeypatch):
    dataset = dataset_of(drive())
    inner = dataset.source.read_image
    monkeypatch.setattr(dataset.source, "read_image", lambda view: time.sleep(0.3) or inner(view))
    start = time.perf_counter()
    quick_check(dataset, RANGE)
    assert time.perf_counter() - start < 4.0


def test_nothing_that_a_training_depends_on_is_touched():
    dataset = dataset_of(drive())
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads()
    sample = dataset[2]
    quick_check(dataset, RANGE)
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate(), torch.get_num_threads()
    assert torch.equal(before[0], after[0]) and np.array_equal(before[1], after[1]) and before[2:] == after[2:]
    again = dataset[2]
    assert torch.equal(sample.images, again.images) and sample.augmentation == again.augmentation


def test_an_error_in_the_checks_is_a_note_and_no_error(monkeypatch):
    def fail(*arguments: object, **named: object) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(quick, "gather", fail)
    (finding,) = quick_check(dataset_of(drive()), RANGE)
    assert (finding.check, finding.severity) == ("preflight", "note")
    assert "RuntimeError: no such luck" in finding.found
