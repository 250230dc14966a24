"""What fails between two steps, at a picture or in a validation, costs none of the steps that were taken."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.errors import UserError
from tests.same_bits import assert_same_bits
from tests.trainer.toy_runs import weights


def unreadable(*_: object) -> None:
    raise UserError("picture_9.png cannot be read")


def position_of_last(setup) -> dict:
    last = load_checkpoint(setup.folder / "toy" / "models" / "last", with_training_state=True)
    return last.training_state["position"]


def resumed_to_the_bits_of(uninterrupted, setup) -> None:
    resumed = setup.changed(run={"resume": True}).trainer()
    resumed.fit()
    assert_same_bits(weights(uninterrupted), weights(resumed))
    assert resumed.position == uninterrupted.position


def test_a_picture_that_cannot_be_read_costs_no_step(setup, tmp_path):
    uninterrupted = type(setup)(tmp_path / "whole").trainer()
    uninterrupted.fit()
    trainer = setup.trainer()
    read = trainer.data.prepare

    def prepare(raw):
        return unreadable() if trainer.position.step == 7 else read(raw)

    trainer.data = replace(trainer.data, prepare=prepare)
    with pytest.raises(UserError, match="picture_9"):
        trainer.fit()
    assert position_of_last(setup)["step"] == 7
    resumed_to_the_bits_of(uninterrupted, setup)


def test_a_validation_that_fails_costs_no_step(setup, tmp_path):
    uninterrupted = type(setup)(tmp_path / "whole").trainer()
    uninterrupted.fit()
    with pytest.raises(UserError, match="picture_9"):
        setup.trainer(validate=unreadable).fit()
    assert position_of_last(setup) | {"best_score": 0} == {"epoch": 0, "step_in_epoch": 5, "step": 5, "best_score": 0}
    resumed_to_the_bits_of(uninterrupted, setup)


def test_what_fails_before_anything_was_learnt_saves_nothing(setup):
    trainer = setup.trainer()
    trainer.data = replace(trainer.data, prepare=unreadable)
    with pytest.raises(UserError, match="picture_9"):
        trainer.fit()
    assert not (setup.folder / "toy" / "models").exists()


def test_a_disk_that_is_full_does_not_hide_what_ended_the_run(setup, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("selfsup_depth.checkpoints.atomic.write_synced", full)
    with pytest.raises(UserError, match="picture_9"):
        setup.trainer(validate=unreadable).fit()
