"""Work ahead: order, errors, a bounded number, and an end; copies and clocks of a device."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from selfsup_depth.overlap import Prefetch, Stopwatch, ToHost, in_threads


def test_results_come_in_order_whatever_takes_longer():
    def job(number):
        time.sleep(0.02 * (number % 3 == 0))
        return number

    with Prefetch((lambda n=n: job(n) for n in range(20)), threads=4, ahead=6) as found:
        assert [future.result() for future in found] == list(range(20))


def test_a_jobs_error_stands_in_its_place():
    jobs = iter([lambda: 1, lambda: 1 / 0, lambda: 3])
    with Prefetch(jobs, threads=2, ahead=2) as found:
        first, second, third = found
    assert (first.result(), third.result()) == (1, 3)
    with pytest.raises(ZeroDivisionError):
        second.result()


def test_an_error_of_the_iterator_is_raised_where_it_is_iterated():
    def jobs():
        yield lambda: 1
        raise OSError("the cable")

    with Prefetch(jobs(), threads=1, ahead=2) as found, pytest.raises(OSError, match="the cable"):
        list(found)


def test_leaving_early_stops_and_closes_the_iterator():
    closed, made = threading.Event(), []

    def jobs():
        try:
            for number in range(1000):
                made.append(number)
                yield lambda: 0
        finally:
            closed.set()

    with Prefetch(jobs(), threads=2, ahead=3) as found:
        next(iter(found))
    assert closed.is_set()
    assert len(made) <= 6


def slow_if_third(number: int) -> int:
    time.sleep(0.02 * (number % 3 == 0))
    return 2 * number


def test_threads_keep_the_order_and_do_not_run_ahead_of_memory():
    made, taken = [], []

    def items():
        for number in range(20):
            made.append(number)
            assert len(made) - len(taken) <= 5 + 1  # the one in hand, and those ahead
            yield number

    for result in in_threads(slow_if_third, items(), threads=3, ahead=5):
        taken.append(result)
    assert taken == [2 * number for number in range(20)]


def test_threads_really_work_at_once():
    meeting = threading.Barrier(3, timeout=10)
    assert list(in_threads(lambda number: meeting.wait() >= 0, range(3), threads=3, ahead=3)) == [True] * 3


def test_an_items_error_stands_in_its_place_and_ends_the_rest():
    done, found = [], []

    def work(number: int) -> int:
        if number == 4:
            raise OSError("the disk is full")
        done.append(number)
        return number

    def collect():
        for number in in_threads(work, range(100), threads=2, ahead=4):
            found.append(number)

    with pytest.raises(OSError, match="the disk is full"):
        collect()
    assert found == [0, 1, 2, 3]
    assert len(done) < 12


def test_what_is_on_the_cpu_has_arrived():
    depth, inverse = torch.rand(2, 3), torch.rand(4)
    first, second = ToHost(depth, inverse).arrived()
    assert first.data_ptr() == depth.data_ptr() and second.data_ptr() == inverse.data_ptr()  # nothing is copied


def test_a_stopwatch_of_the_cpu():
    with Stopwatch(torch.device("cpu")) as watch:
        time.sleep(0.02)
    time.sleep(0.05)
    assert 0.02 <= watch.seconds() < 0.05
