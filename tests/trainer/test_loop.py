"""The loop: schedule, accumulation, guard, what is told and saved."""

from __future__ import annotations

import json
import time

import pytest
import torch
from torch import nn

from selfsup_depth.checkpoints import find_checkpoint, load_checkpoint
from selfsup_depth.errors import UserError
from selfsup_depth.structures import Losses
from tests.same_bits import assert_same_bits
from tests.trainer.toy_runs import saved_networks, toy, weights
from trainer.hooks import Validation


def test_learning_rate_drops_at_epoch_15_and_not_14(setup):
    trainer = setup.changed(learning_rate=1e-4).trainer()
    rates = [trainer.learning_rate(epoch) for epoch in range(20)]
    assert rates[:15] == [1e-4] * 15
    assert rates[15:] == pytest.approx([1e-5] * 5)


def test_the_rate_of_each_epoch_reaches_the_optimizer(setup):
    trainer = setup.changed(scheduler_step_size=2).trainer()
    trainer.fit()
    lines = [json.loads(line) for line in (setup.folder / "toy" / "metrics.jsonl").read_text().splitlines()]
    rates = {line["epoch"]: line["learning_rate"] for line in lines if line["kind"] == "train"}
    assert rates == {0: 1e-2, 1: 1e-2, 2: pytest.approx(1e-3)}


def test_results_do_not_depend_on_workers(setup, tmp_path):
    results = []
    for workers in (0, 1, 2):
        trainer = type(setup)(tmp_path / str(workers)).changed(workers=workers, num_epochs=2).trainer()
        trainer.fit()
        results.append(weights(trainer))
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


class Quiet(nn.Module):
    """A method without batch norm, dropout and noise: accumulation is then exact arithmetic."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.networks = nn.ModuleDict({"depth": nn.Conv2d(3, 1, 3, padding=1)})

    def losses(self, batch, generator=None):
        error = self.networks["depth"](batch.target.image) - batch.target.image.mean(1, keepdim=True)
        return Losses({"fit": error.square().mean()})


def test_accumulated_batches_are_one_large_batch(setup, tmp_path):
    at_once = type(setup)(tmp_path / "once").changed(batch_size=8, num_epochs=1).trainer(Quiet())
    in_parts = type(setup)(tmp_path / "parts").changed(batch_size=4, accumulate_steps=2, num_epochs=1).trainer(Quiet())
    at_once.fit()
    in_parts.fit()
    assert at_once.steps_per_epoch == in_parts.steps_per_epoch == 2
    for one, other in zip(at_once.method.parameters(), in_parts.method.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-7)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_trains(setup, precision):
    trainer = setup.changed(precision=precision).trainer()
    before = weights(trainer)
    trainer.fit()
    after = weights(trainer)
    assert all(value.isfinite().all() for value in after.values())
    assert not torch.equal(before["networks.depth.0.weight"], after["networks.depth.0.weight"])


@pytest.mark.parametrize("slow_s", [0.0, 0.05])
def test_the_share_of_time_that_a_loader_holds_up_is_told(setup, monkeypatch, capsys, slow_s):
    trainer = setup.changed(num_epochs=1).trainer()
    load = type(trainer.data.dataset).__getitem__
    monkeypatch.setattr(
        type(trainer.data.dataset), "__getitem__", lambda data, key: (time.sleep(slow_s), load(data, key))[1]
    )
    take = trainer._step
    monkeypatch.setattr(trainer, "_step", lambda batches: (time.sleep(0.05 - slow_s), take(batches))[1])
    trainer.fit()
    told = [json.loads(line) for line in (setup.folder / "toy" / "metrics.jsonl").read_text().splitlines()]
    (share,) = [line["waiting_for_data"] for line in told if line["kind"] == "train"]
    assert share > 0.75 if slow_s else share < 0.25
    assert f"waiting for data {share:.0%}" in capsys.readouterr().out


def test_networks_are_channels_last_and_stay_so_through_a_run(setup):
    trainer = setup.trainer()
    seen = []
    trainer.method.networks["depth"][0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    trainer.fit()
    weight = trainer.method.networks["depth"][0].weight
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in (weight, *seen))
    assert seen and not weight.is_contiguous()


def test_gradients_are_clipped(setup):
    trainer = setup.changed(clip_gradient_norm=1e-3).trainer()
    seen = []
    original = trainer.optimizer.step

    def step(*args, **kwargs):
        norms = torch.stack([p.grad.norm() for p in trainer.parameters if p.grad is not None])
        seen.append(float(norms.norm()))
        return original(*args, **kwargs)

    trainer.optimizer.step = step
    trainer.fit()
    assert max(seen) <= 1.001e-3


def test_a_loss_that_is_no_number_names_step_term_and_samples(setup):
    with pytest.raises(UserError, match=r"step 7: the loss term fit is not a finite number \(samples sample") as caught:
        setup.trainer(toy(setup)(poison_step=6)).fit()
    assert "last saved checkpoint is intact" in str(caught.value)
    resumed = setup.changed(run={"resume": True}).trainer()
    resumed.fit()  # from the end of the first epoch, step 5
    assert resumed.position.step == 15
    assert all(value.isfinite().all() for value in weights(resumed).values())


def test_an_infinite_gradient_names_its_network(setup):
    with pytest.raises(UserError, match="step 4: the gradient of depth is not finite"):
        setup.trainer(toy(setup)(poison_step=3, poison="gradient")).fit()


def test_an_epoch_prints_the_values_that_are_told_and_logs_all(setup, capsys):
    values = {"loss": 1.5, "smoothness/3": 0.5}
    setup.changed(num_epochs=1).trainer(validate=lambda m, t: Validation(1.5, "toy", values, told=("loss",))).fit()
    assert "epoch 1: loss 1.5 (toy)" in capsys.readouterr().out
    assert "smoothness/3" in (setup.folder / "toy" / "metrics.jsonl").read_text()


def test_findings_of_a_short_run_are_told_and_logged(setup, capsys):
    class Flat(toy(setup)):
        def losses(self, batch, generator=None):
            losses = super().losses(batch, generator)
            return Losses(losses.terms, losses.maps, {"disparity_variation": torch.tensor(0.0)})

    setup.changed(num_epochs=10).trainer(Flat()).fit()  # 50 steps
    assert "warning step 50: the predicted depth is the same everywhere" in capsys.readouterr().out
    assert '"check": "collapsed"' in (setup.folder / "toy" / "metrics.jsonl").read_text()


def test_best_is_the_lowest_score(setup):
    scores = iter([3.0, 1.0, 2.0])
    trainer = setup.trainer(validate=lambda method, tick: Validation(next(scores), "toy", {}))
    trainer.fit()
    models = setup.folder / "toy" / "models"
    assert load_checkpoint(models / "best").meta.epoch == 2
    assert load_checkpoint(models / "last").meta.epoch == 3
    assert sorted(path.name for path in models.iterdir()) == ["best", "last", "weights_0", "weights_1", "weights_2"]


def test_a_training_set_smaller_than_a_step_is_refused(setup):
    with pytest.raises(UserError, match="has 3 samples, fewer than one step needs .*lower --batch_size to 3"):
        setup.trainer(length=3)
    with pytest.raises(UserError, match="lower --batch_size to 2"):
        setup.changed(accumulate_steps=4).trainer(length=9)
    setup.changed(accumulate_steps=4, batch_size=2).trainer(length=9)
    with pytest.raises(UserError, match="lower --accumulate_steps to 3 and --batch_size to 1"):
        setup.changed(accumulate_steps=4).trainer(length=3)


def test_disk_full_keeps_the_last_good_checkpoint(setup, monkeypatch):
    import errno

    setup.changed(num_epochs=1).trainer().fit()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("selfsup_depth.checkpoints.atomic.write_synced", full)
    with pytest.raises(UserError, match="the disk is full"):
        setup.changed(run={"resume": True}).trainer().fit()
    monkeypatch.undo()
    found = find_checkpoint(setup.folder / "toy" / "models" / "last")
    assert load_checkpoint(found, with_training_state=True).meta.epoch == 1


def test_what_is_validated_and_saved_is_the_average(setup):
    seen = []

    def validate(method, tick):
        seen.append(method.networks["depth"][0].weight.detach().clone())
        return Validation(1.0, "toy", {})

    trainer = setup.changed(num_epochs=1, ema_decay=0.9).trainer(validate=validate)
    trainer.fit()
    saved = saved_networks(setup)["0.weight"]
    assert torch.equal(saved, seen[0])
    assert not torch.equal(saved, trainer.method.networks["depth"][0].weight)


def test_validation_is_in_evaluation_mode_and_training_is_not(setup):
    modes = []

    def validate(method, tick) -> Validation:
        modes.append(any(module.training for module in method.modules()))
        return Validation(1.0, "toy", {})

    method = toy(setup)()
    losses = method.losses
    method.losses = lambda batch, generator=None: (modes.append(method.training), losses(batch, generator))[1]
    setup.changed(num_epochs=1).trainer(method, validate=validate).fit()
    assert modes == [True] * 5 + [False]


def test_a_batch_knows_how_many_steps_came_before_it(setup):
    seen = []
    method = toy(setup)()
    losses = method.losses
    method.losses = lambda batch, generator=None: (seen.append(batch.step), losses(batch, generator))[1]
    setup.changed(num_epochs=1).trainer(method).fit()
    assert seen == [0, 1, 2, 3, 4]
