"""A training step gives a GPU its work and never waits for it. A CPU stands in: its calls tell what would wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.step_ways import our_step, our_teacher, photographed
from selfsup_depth import cli
from selfsup_depth.config import TrainConfig
from selfsup_depth.datasets import augment, collate
from selfsup_depth.structures import Augmentation, Sample
from trainer.guard import FiniteGuard

CPU = torch.device("cpu")
SMALL = ["--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--height", "64", "--width", "96",
         "--batch_size", "2", "--no_cuda"]  # fmt: skip
#: They read a value, or their result has a size that values decide; `lift_fresh` makes a tensor of Python's numbers,
#: whose copy to a GPU is waited for.
WAITING = (
    "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique", "bincount", "repeat_interleave",
    "linalg_inv_ex", "lift_fresh",
)  # fmt: skip
LEAVING = (Tensor.cpu, Tensor.numpy, Tensor.tolist)  # the device


class Calls(TorchDispatchMode):
    """Keeps the operations, backward ones too, that would make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.all, self.waiting = 0, list[str]()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.all += 1
        if function.overloadpacket.__name__ in WAITING or _selects_by_mask(function, args):
            self.waiting.append(str(function))
        return function(*args, **(kwargs or {}))


class Methods(TorchFunctionMode):
    """Adds those of tensors that a CPU answers without an operation."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.calls = calls

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in LEAVING:
            self.calls.waiting.append(function.__name__)
        return function(*args, **(kwargs or {}))


def _selects_by_mask(function: Any, args: Any) -> bool:
    """How many rows an index of booleans selects only the device knows."""
    indices = args[1] if function.overloadpacket is torch.ops.aten.index else ()
    return any(isinstance(index, Tensor) and index.dtype == torch.bool for index in indices)


def calls_in(work: Callable[[], object]) -> Calls:
    calls = Calls()
    with calls, Methods(calls):
        work()
    return calls


@pytest.fixture
def as_on_a_gpu(monkeypatch) -> None:
    class Guard(FiniteGuard):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.every = 10

    monkeypatch.setattr("trainer.loop.FiniteGuard", Guard)


def calls_of_a_step(*options: str, teacher: nn.Module | None = None) -> Calls:
    """Of the second step: the first one makes the optimiser's state."""
    config = cli.parse(TrainConfig, [*SMALL, "--use_stereo", *options])
    step = our_step(config, photographed(config, CPU), CPU, teacher and our_teacher(teacher, "fp32"))
    step()
    calls = calls_in(step)
    assert calls.all > 1000
    return calls


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--precision bf16",
        "--predictive_mask --disable_automasking",
        "--avg_reprojection --v1_multiscale",
        "--pose_model_type posecnn",
        "--gradient_checkpointing --learn_intrinsics",
    ],
)
def test_a_step_waits_for_nothing(options):
    assert calls_of_a_step(*options.split()).waiting == []


@pytest.mark.usefixtures("as_on_a_gpu")
@pytest.mark.parametrize("mode", ["ours", "paper"])
def test_a_step_with_a_teacher_waits_for_nothing(mode):
    asked = f"--distill dpt_hybrid --distill_mode {mode} --distill_warmup 0"
    assert calls_of_a_step(*asked.split(), teacher=nn.Conv2d(3, 1, 3, padding=1)).waiting == []


def test_a_cpu_looks_at_every_step():
    assert any("_local_scalar_dense" in name for name in calls_of_a_step().waiting)


@pytest.mark.parametrize(
    "work",
    [Tensor.any, Tensor.tolist, Tensor.cpu, lambda x: x[x > 0], lambda x: torch.where(x), torch.linalg.inv,
     lambda x: x.new_tensor([1.0])],
)  # fmt: skip
def test_what_waits_is_seen(work):
    numbers = torch.eye(3)
    assert calls_in(lambda: bool(work(numbers)) if work is Tensor.any else work(numbers)).waiting


def test_flips_and_jitter_wait_for_nothing():
    drawn = [Augmentation(flip=True, jitter=(1.1, 0.9, 1.2, 0.05)), Augmentation()]
    images, camera = torch.zeros(3, 3, 8, 12, dtype=torch.uint8), torch.eye(3).repeat(3, 1, 1)
    raw = collate(
        [Sample((0, -1, "s"), images, camera, stereo_T_target=torch.eye(4), augmentation=each) for each in drawn]
    )
    calls = calls_in(lambda: augment(raw))
    assert calls.all > 20 and calls.waiting == []
