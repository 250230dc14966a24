"""The step that is timed is the step that is trained, and the plain one is its equal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import step as benchmark
from benchmarks.growth import steepest
from benchmarks.measuring import Timing
from benchmarks.plain import pixels_and_ones
from benchmarks.step_ways import PlainStep, method_of, photographed
from selfsup_depth import cli
from selfsup_depth.config import TrainConfig
from selfsup_depth.structures import View
from tests.methods.test_nothing_waits import GPU, moved, without_values

SMALL = ["--weights_init", "scratch", "--height", "64", "--width", "96", "--batch_size", "2", "--no_cuda"]


@pytest.mark.parametrize("options", [["--use_stereo"], ["--frame_ids", "0", "--use_stereo"], []], ids=str)
def test_a_whole_step_in_float32_has_the_loss_of_the_plain_one(options):
    """Weights, samples and networks alike; without noise, and with a pose network that has no batch statistics."""
    config = cli.parse(TrainConfig, [*SMALL, "--pose_model_type", "posecnn", *options])
    batch = photographed(config, torch.device("cpu"))
    plain = PlainStep(config, batch, torch.device("cpu"), None)
    plain.noise = 0.0
    ours = method_of(config, torch.device("cpu")).train()
    expected = plain.loss()
    found = ours.losses(replace(batch, wants_maps=False), torch.Generator().manual_seed(0)).total
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


class Copies(TorchDispatchMode):
    """What a GPU is sent from the host, and what it is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        sent = isinstance(result, torch.Tensor) and result.device == GPU and any(
            isinstance(given, torch.Tensor) and given.device != GPU and given.ndim for given in args
        )
        if sent or "linalg_inv" in str(func):
            self.seen.append(str(func))
        return result


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
def test_the_plain_step_is_not_slowed_down_on_a_gpu():
    """As published nothing is sent there in a step but the batch, and no matrix is inverted, which waits for it."""
    options = ["--pose_model_type", "posecnn", "--use_stereo", "--width", "128"]
    config = cli.parse(TrainConfig, [*SMALL, *options])
    plain = PlainStep(config, photographed(config, torch.device("cpu")), torch.device("cpu"), None)
    with FakeTensorMode():
        moved(plain.method, GPU)

        def sent(view: View) -> View:
            return View(*(without_values(part, GPU) for part in (view.image, view.network_image, view.intrinsics)))

        plain.batch = replace(
            plain.batch,
            target=sent(plain.batch.target),
            sources={frame: sent(view) for frame, view in plain.batch.sources.items()},
            stereo_T_target=without_values(plain.batch.stereo_T_target, GPU),
        )
        assert plain.loss().device == GPU  # the first one makes what is made once
        with Copies() as copies:
            plain.loss()
    assert copies.seen == []
    pixels_and_ones.cache_clear()


def test_the_command_writes_a_table_numbers_and_pictures(tmp_path, capsys):
    files = {name: tmp_path / name for name in ("step.json", "growth.png", "profile.txt")}
    benchmark.main(
        [*SMALL, "--use_stereo", "--rounds", "1", "--json", str(files["step.json"]), "--sweep", "scales", "sources",
         "--plot", str(files["growth.png"]), "--profile", str(files["profile.txt"])]
    )  # fmt: skip
    told = json.loads(files["step.json"].read_text())
    places = {f"scales {count}" for count in (1, 2, 3, 4)} | {f"sources {count}" for count in (2, 3, 5)}
    assert set(told["settings"]) == places
    assert set(told["settings"]["scales 4"]) == {"plain", "ours", "networks"}
    assert told["settings"]["scales 4"]["plain"]["times_base_cpu"] == 1
    assert all(path.stat().st_size > 1000 for path in files.values())
    out = capsys.readouterr().out
    assert "times plain" in out and "steepest growth with sources (1: linear): plain" in out


def test_growth_is_told_against_linear():
    growth = {1.0: {"ours": Timing((1.0,), (1.0,))}, 2.0: {"ours": Timing((1.5,), (9.0,))}}
    growth[4.0] = {"ours": Timing((6.0,), (9.0,))}  # four times as much for twice the size
    assert steepest(growth, "ours", "cpu") == 2


def test_arithmetic_alone_and_a_cached_teacher(tmp_path, capsys, monkeypatch):
    benchmark.main([*SMALL, "--arithmetic", "--rounds", "1", "--compile"])
    assert "ours" in capsys.readouterr().out
    small = torch.nn.Conv2d(3, 1, 3, padding=1)
    monkeypatch.setattr(benchmark, "random_dpt_hybrid", lambda device: small)
    for teacher in ("live", "cached"):
        benchmark.main([*SMALL, "--teacher", teacher, "--use_stereo", "--rounds", "1"])
        told = capsys.readouterr().out
        assert f"teacher {teacher}" in told and "| networks" in told


def test_steps_of_several_batches_are_refused(capsys):
    with pytest.raises(SystemExit):
        benchmark.main([*SMALL, "--accumulate_steps", "2"])
    assert "--accumulate_steps: the plain step has one batch" in capsys.readouterr().err
