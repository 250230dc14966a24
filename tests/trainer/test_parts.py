"""Sampler, health checks, guard, log and run folder, each by itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses
from trainer.averaging import WeightAverage
from trainer.guard import FiniteGuard
from trainer.health import CHECKS, FIRST_LOOK, SHORTEST, WINDOW, HealthMonitor
from trainer.logs import RunLog, findings_of
from trainer.precision import Precision
from trainer.run_folder import prepare_run_folder
from trainer.sampler import EpochSampler
from trainer.state import changed_options

ROOT = Path(__file__).parents[2]


def test_sampler_shows_every_sample_once_and_each_epoch_anew():
    sampler = EpochSampler(10, 2, seed=3)
    orders = []
    for epoch in range(3):
        sampler.start_at(epoch)
        batches = list(sampler)
        assert all(key[0] == epoch for batch in batches for key in batch)
        orders.append([index for batch in batches for _, index in batch])
        assert sorted(orders[-1]) == list(range(10))
    assert orders[0] != orders[1] != orders[2]


def test_sampler_goes_on_anywhere():
    sampler = EpochSampler(11, 2, seed=0)
    sampler.start_at(4)
    whole = list(sampler)
    assert len(whole) == len(sampler) == 5
    sampler.start_at(4, 3)
    assert list(sampler) == whole[3:]


HEALTHY = {
    "disparity_variation": 0.5, "auto_masked": 0.3, "warp_error": 0.1, "identity_error": 0.2,
    "translation": 0.05, "range_saturation": 0.01, "teacher_skipped": 0.0,
}  # fmt: skip
SICK = {
    "collapsed": {"disparity_variation": 0.001},
    "auto_masked": {"auto_masked": 0.99},
    "warp_no_better": {"warp_error": 0.4},
    "no_motion": {"translation": 1e-6},
    "range_saturated": {"range_saturation": 0.9},
    "teacher_skipped": {"teacher_skipped": 0.5},
}


def watch(values: dict[str, float], steps: int = FIRST_LOOK + WINDOW, *, finish: bool = False) -> list[str]:
    monitor = HealthMonitor()
    losses = Losses({}, {}, {name: torch.tensor(value) for name, value in values.items()})
    found = [finding for step in range(1, steps + 1) for finding in monitor.watch(step, losses)]
    return [finding.sentence for finding in found + (monitor.finish(steps) if finish else [])]


def test_a_healthy_run_is_left_in_peace():
    assert watch(HEALTHY) == []
    assert watch({name: HEALTHY[name] for name in ("warp_error",)}) == []


def test_every_check_has_a_case():
    assert set(SICK) == {check.name for check in CHECKS}


@pytest.mark.parametrize("name", SICK)
def test_each_trouble_is_named_once_and_not_too_early(name):
    found = watch(HEALTHY | SICK[name], steps=FIRST_LOOK + 3 * WINDOW)
    assert len(found) == 1
    assert found[0].startswith(f"step {FIRST_LOOK}")
    assert watch(HEALTHY | SICK[name], steps=FIRST_LOOK - 1) == []


@pytest.mark.parametrize("steps", [SHORTEST, WINDOW + 20, FIRST_LOOK - 1])
def test_a_short_run_is_looked_at_when_it_ends(steps):
    found = watch(HEALTHY | SICK["collapsed"], steps, finish=True)
    assert [sentence.partition(":")[0] for sentence in found] == [f"step {steps}"]
    assert watch(HEALTHY | SICK["collapsed"], SHORTEST - 1, finish=True) == []


def test_a_run_that_was_looked_at_is_not_looked_at_again_when_it_ends():
    monitor = HealthMonitor()
    healthy, sick = (Losses({}, {}, {"auto_masked": torch.tensor(value)}) for value in (0.1, 0.99))
    for step in range(1, FIRST_LOOK + SHORTEST):
        monitor.watch(step, healthy if step <= FIRST_LOOK else sick)
    assert monitor.finish(FIRST_LOOK + SHORTEST) == []


def test_swapped_sides_are_named_when_warping_makes_it_worse():
    (sentence,) = watch(HEALTHY | SICK["warp_no_better"])
    assert "left and right are swapped" in sentence


def test_the_log_tells_each_kind_of_finding_once(tmp_path):
    assert findings_of(tmp_path) == []
    log = RunLog(tmp_path)
    for step, check in ((200, "collapsed"), (300, "no_motion"), (400, "collapsed")):
        log.write("health", step, {"finding": f"step {step}: {check}!", "check": check})
    log.write("train", 400, {"loss": 1.0})
    log.close()
    assert findings_of(tmp_path) == ["step 400: collapsed!", "step 300: no_motion!"]


def test_guard_on_a_device_reads_several_steps_at_once_and_names_the_first_bad_one():
    guard = FiniteGuard(torch.device("cpu"))
    guard.every = 10  # as on a GPU
    for step in range(5):
        value = float("nan") if step >= 3 else 1.0
        guard.watch(step, Losses({"a": torch.tensor(1.0), "b": torch.tensor(value)}), ["x", "y", "z", "w"])
    with pytest.raises(UserError, match=r"step 3: the loss term b .*samples x, y, z and 1 more"):
        guard.check()
    guard.check()  # said once


def test_guard_on_a_device_refuses_to_save_after_an_infinite_gradient():
    guard = FiniteGuard(torch.device("cpu"))
    guard.every = 10  # as on a GPU
    good, bad = Losses({"a": torch.tensor(1.0)}), Losses({"a": torch.tensor(float("nan"))})
    guard.watch(1, good, ["x"])
    guard.watch_gradient(torch.tensor(1.0), torch.nn.ModuleDict())
    guard.check()
    guard.watch(2, good, ["guilty"])
    guard.watch_gradient(torch.tensor(float("inf")), torch.nn.ModuleDict())
    guard.watch(3, bad, ["innocent"])  # spoilt by the step before
    with pytest.raises(UserError, match=r"step 2: the gradient is not finite \(samples guilty\)"):
        guard.check()


def test_log_forgets_what_will_be_run_again(tmp_path):
    log = RunLog(tmp_path)
    for step in (10, 20, 30):
        log.write("train", step, {"loss": 1.0 / step})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as stream:
        stream.write('{"kind": "train", "st')  # killed while writing
    log = RunLog(tmp_path, go_on_from_step=20)
    log.write("train", 30, {"loss": 0.5})
    log.close()
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30]


def test_log_writes_curves_and_pictures(tmp_path):
    import numpy as np

    log = RunLog(tmp_path)
    log.write("train", 1, {"loss": 0.25, "note": "text is no curve"})
    log.picture("depth", 1, np.zeros((4, 6, 3), dtype=np.uint8))
    log.close()
    events = b"".join(path.read_bytes() for path in (tmp_path / "events").iterdir())
    assert b"train/loss" in events
    assert b"depth" in events
    assert b"train/note" not in events


def test_a_log_that_cannot_be_written_says_so_and_never_hangs(tmp_path, monkeypatch):
    log = RunLog(tmp_path)
    monkeypatch.setattr(log, "_events_alive", lambda: False)
    for call in (lambda: log.write("train", 1, {"loss": 1.0}), lambda: log.picture("depth", 1, None)):
        with pytest.raises(UserError, match="events cannot be written any more.*--resume"):
            call()
    log.close()


def test_a_full_disk_under_the_log_ends_in_one_sentence(tmp_path):
    """In a process whose files may not grow: what a full disk does to every writer, threads included."""
    code = f"""
import resource, signal, time
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from trainer.logs import RunLog
from selfsup_depth.errors import UserError
log = RunLog(Path({str(tmp_path)!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    for step in range(2000):
        log.write("train", step, {{"loss": 0.5, "a": 1.0, "b": 2.0}})
except UserError as error:
    print("refused:", error)
log.close()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert result.stdout.startswith("refused:")
    assert "cannot be written" in result.stdout


def test_fp16_that_never_fits_is_refused():
    precision = Precision("fp16", torch.device("cpu"))
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)

    def step() -> bool:
        precision.scaler.scale((weight * float("inf")).sum()).backward()
        taken = precision.step(optimizer)
        optimizer.zero_grad()
        return taken

    def hundred_steps() -> None:
        for _ in range(100):
            step()

    assert not step()
    with pytest.raises(UserError, match="--precision fp16: the gradient has not been finite for many steps"):
        hundred_steps()


def test_an_earlier_run_is_moved_aside_not_overwritten(tmp_path):
    folder = tmp_path / "mdp"
    console = Console(file=io.StringIO(), soft_wrap=True)
    for number in range(3):
        prepare_run_folder(folder, {"number": number}, False, console)
        (folder / "models").mkdir()
        (folder / "models" / "mark").write_text(str(number))
    assert (tmp_path / "mdp.old1" / "models" / "mark").read_text() == "0"
    assert "--model_name mdp.old2 --resume" in console.file.getvalue()
    assert (tmp_path / "mdp.old2" / "models" / "mark").read_text() == "1"
    prepare_run_folder(folder, {"number": 9}, True, console)  # --resume leaves everything where it is
    assert (folder / "models" / "mark").read_text() == "2"
    assert "number: 2" in (folder / "config.yaml").read_text()


def test_a_run_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written.*--log_dir"):
        prepare_run_folder(tmp_path / "file" / "mdp", {}, False, Console(quiet=True))


def test_changed_options_are_listed_except_harmless_ones():
    before, now = {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 5, "c": 4}
    assert changed_options(before, now, frozenset({"c"})) == ["--b: 2 -> 5"]


def test_average_follows_its_formula_and_gives_the_own_weights_back():
    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    average = WeightAverage(network, decay=0.5)
    weight = network[0].weight
    with torch.no_grad():
        weight.fill_(1.0)
    expected = average._average["0.weight"].item()
    for step, value in enumerate((1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0)):
        with torch.no_grad():
            weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with average.applied():
        assert weight.item() == pytest.approx(expected)
    assert all(torch.equal(own[name], tensor) for name, tensor in network.state_dict().items())


def test_average_of_decay_zero_is_the_network_itself():
    network = torch.nn.Linear(1, 1)
    average = WeightAverage(network, decay=0.0)
    average.update()
    before = network.weight.clone()
    with average.applied():
        assert torch.equal(network.weight, before)
    assert average.state() == {}
