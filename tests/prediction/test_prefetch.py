"""Decoding ahead: order, errors, a bounded number, and an end."""

from __future__ import annotations

import threading
import time

import pytest

from selfsup_depth.prediction.prefetch import Prefetch


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
