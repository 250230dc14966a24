"""A batch that is larger than memory: the size that fits is found and said. A CPU stands in for a GPU that is full."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.memory import run_or_say_what_fits

CPU = torch.device("cpu")


class Full:
    """Does the work of at most so many images at once."""

    def __init__(self, most: int, error: RuntimeError | None = None) -> None:
        self.most, self.tried = most, []
        self.error = error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    def __call__(self, count: int) -> int:
        self.tried.append(count)
        if count > self.most:
            raise self.error
        return count


def test_what_fits_is_simply_done():
    work = Full(most=8)
    assert run_or_say_what_fits(work, 8, CPU) == 8
    assert work.tried == [8]


@pytest.mark.parametrize(("most", "said"), [(11, 6), (6, 6), (5, 3), (1, 1)])
def test_the_largest_half_that_fits_is_said(most, said):
    with pytest.raises(UserError) as told:
        run_or_say_what_fits(Full(most), 12, CPU)
    assert str(told.value) == (
        f"12 images at once take more memory than the CPU has free: {said} fit, so give --batch_size {said}"
    )
    assert told.value.__context__ is None  # the failed attempt's tensors are let go


def test_of_several_processes_the_batch_of_all_is_said():
    with pytest.raises(UserError, match=r"6 samples at once .*: 3 fit, so give --batch_size 12$"):
        run_or_say_what_fits(Full(3), 6, CPU, "samples", processes=4)
    with pytest.raises(UserError, match=r"and so does one alone \(--batch_size 4\)"):
        run_or_say_what_fits(Full(0), 6, CPU, "samples", processes=4)


def test_not_even_one_fits():
    work = Full(most=0)
    with pytest.raises(UserError, match=r"3 images at once .*, and so does one alone \(--batch_size 1\)"):
        run_or_say_what_fits(work, 3, CPU)
    assert work.tried == [3, 1]


def test_the_name_of_the_gpu_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    with pytest.raises(UserError, match="than NVIDIA H200 has free: 2 fit"):
        run_or_say_what_fits(Full(3), 4, torch.device("cuda", 0))


@pytest.mark.parametrize(
    "words",
    ["DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes.", "could not create a primitive"],
)
def test_the_cpu_says_it_in_other_words(words):
    full = Full(2, RuntimeError(words))
    with pytest.raises(UserError, match="--batch_size 2"):
        run_or_say_what_fits(full, 4, CPU)


def test_other_errors_are_not_taken_for_it():
    for words in ("shapes do not match", "could not create a primitive descriptor for a convolution"):
        with pytest.raises(RuntimeError, match=words):
            run_or_say_what_fits(Full(2, RuntimeError(words)), 4, CPU)
