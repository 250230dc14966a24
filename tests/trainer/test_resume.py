"""Runs that are killed, stopped or moved go on to the same bits."""

from __future__ import annotations

import json
import os
import signal

import pytest
import torch

from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.errors import UserError
from tests.same_bits import assert_same_bits
from tests.trainer.toy_runs import saved_networks, toy, weights
from trainer.hooks import Validation


class Killed(BaseException):
    pass


def stop_after(steps: int, method_class):
    class Stopping(method_class):
        def losses(self, batch, generator=None):
            if self.calls == steps:
                raise Killed
            return super().losses(batch, generator)

    return Stopping()


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 11, 14])
def test_a_killed_run_resumes_to_the_same_bits(setup, tmp_path, steps):
    whole = type(setup)(tmp_path / "whole").changed(run={"save_steps": 2})
    uninterrupted = whole.trainer()
    uninterrupted.fit()

    cut = type(setup)(tmp_path / "cut").changed(run={"save_steps": 2})
    with pytest.raises(Killed):
        cut.trainer(stop_after(steps, toy(setup))).fit()
    torch.manual_seed(999)  # whatever the new process has drawn before
    resumed = cut.changed(run={"save_steps": 2, "resume": True}).trainer()
    torch.randn(7)
    resumed.fit()
    assert_same_bits(weights(uninterrupted), weights(resumed))
    assert resumed.position == uninterrupted.position
    assert_same_bits(saved_networks(whole), saved_networks(cut))
    one = uninterrupted.optimizer.state_dict()["state"]
    other = resumed.optimizer.state_dict()["state"]
    for key in one:
        assert_same_bits(one[key], other[key])


def test_resumed_log_has_each_step_once(setup):
    cut = setup.changed(run={"save_steps": 2})
    with pytest.raises(Killed):
        cut.trainer(stop_after(8, toy(setup))).fit()
    cut.changed(run={"save_steps": 2, "resume": True}).trainer().fit()
    lines = [json.loads(line) for line in (setup.folder / "toy" / "metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["kind"] == "train"]
    assert steps == sorted(set(steps))
    assert steps[-1] == 15


def test_resume_without_a_checkpoint_starts_from_the_beginning(setup):
    trainer = setup.changed(run={"resume": True}).trainer()
    trainer.fit()
    assert trainer.position.step == 15


def test_a_run_that_was_moved_aside_can_be_resumed(setup, tmp_path):
    def options(name: str) -> dict:
        return {"model_name": name, "log_dir": str(tmp_path / name), "learning_rate": 1e-2, "batch_size": 4}

    setup.changed(num_epochs=1).trainer(options=options("int")).fit()
    trainer = setup.changed(run={"resume": True}).trainer(options=options("int.old1"))
    trainer.fit()
    assert trainer.position.epoch == 3


def test_resume_of_a_finished_run_says_so_and_changes_nothing(setup, capsys):
    setup.trainer().fit()
    log = (setup.folder / "toy" / "metrics.jsonl").read_text()
    setup.changed(run={"resume": True}).trainer().fit()
    out = capsys.readouterr().out
    assert "this run is finished (3 epochs); raise --num_epochs to go on" in out
    assert "resuming" not in out
    assert (setup.folder / "toy" / "metrics.jsonl").read_text() == log


def test_resume_with_other_options_is_refused_by_name(setup):
    setup.trainer().fit()
    with pytest.raises(UserError, match=r"--learning_rate: 0.01 -> 0.5"):
        setup.changed(run={"resume": True}, learning_rate=0.5).trainer().fit()


def test_resume_on_other_samples_is_refused(setup):
    options = {"learning_rate": 1e-2, "batch_size": 4}
    setup.trainer(options=options | {"samples": "20 samples, aa"}).fit()
    with pytest.raises(UserError, match="--samples: 20 samples, aa -> 12 samples, bb"):
        setup.changed(run={"resume": True}).trainer(length=12, options=options | {"samples": "12 samples, bb"}).fit()


def test_a_score_that_is_no_number_is_never_the_best(setup):
    scores = iter([float("nan"), 2.0, 3.0])
    setup.trainer(validate=lambda method, tick: Validation(next(scores), "toy", {})).fit()
    assert load_checkpoint(setup.folder / "toy" / "models" / "best").meta.epoch == 2


def test_accumulation_and_workers_resume_to_the_same_bits_mid_epoch(setup, tmp_path):
    options = {"run": {"save_steps": 1}, "workers": 2, "accumulate_steps": 2, "precision": "fp16"}
    whole = type(setup)(tmp_path / "whole").changed(**options)
    uninterrupted = whole.trainer(length=40)
    uninterrupted.fit()
    cut = type(setup)(tmp_path / "cut").changed(**options)
    with pytest.raises(Killed):
        cut.trainer(stop_after(6, toy(setup)), length=40).fit()
    resumed = cut.changed(**options | {"run": {"save_steps": 1, "resume": True}}).trainer(length=40)
    resumed.fit()
    assert_same_bits(weights(uninterrupted), weights(resumed))


def test_resume_may_train_longer(setup):
    setup.trainer().fit()
    longer = setup.changed(run={"resume": True}, num_epochs=4).trainer()
    longer.fit()
    assert longer.position.step == 20


def interrupting(method_class, calls: int, *signals: int):
    class Interrupting(method_class):
        def losses(self, batch, generator=None):
            if self.calls == calls:
                for number in signals:
                    os.kill(os.getpid(), number)
            return super().losses(batch, generator)

    return Interrupting()


def test_ctrl_c_saves_and_resumes_to_the_same_bits(setup, tmp_path, capfd):
    uninterrupted = type(setup)(tmp_path / "whole").trainer()
    uninterrupted.fit()

    with pytest.raises(KeyboardInterrupt, match="^stopped by Ctrl-C; step 8 is saved: go on with --resume$"):
        setup.trainer(interrupting(toy(setup), 7, signal.SIGINT)).fit()
    assert "Ctrl-C: stopping after this step; press again to stop without saving" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = setup.changed(run={"resume": True}).trainer()
    resumed.fit()
    assert_same_bits(weights(uninterrupted), weights(resumed))


def test_a_second_ctrl_c_stops_at_once_and_says_what_is_saved(setup):
    twice = signal.SIGINT, signal.SIGINT
    with pytest.raises(KeyboardInterrupt, match="^stopped by Ctrl-C; nothing was saved$"):
        setup.trainer(interrupting(toy(setup), 3, *twice)).fit()
    with pytest.raises(KeyboardInterrupt, match="Ctrl-C at step 7; nothing since step 5 was saved: go on from there"):
        setup.trainer(interrupting(toy(setup), 7, *twice)).fit()


def test_sigterm_is_called_sigterm(setup):
    with pytest.raises(KeyboardInterrupt, match="^stopped by SIGTERM; step 3 is saved"):
        setup.trainer(interrupting(toy(setup), 2, signal.SIGTERM)).fit()


def test_ctrl_c_while_validating_says_what_is_finished_first(setup, capfd):
    def validate(method, tick):
        os.kill(os.getpid(), signal.SIGINT)
        return Validation(1.0, "toy", {})

    with pytest.raises(KeyboardInterrupt, match="step 5 is saved"):
        setup.trainer(validate=validate).fit()
    assert "stopping after this validation" in capfd.readouterr().err
