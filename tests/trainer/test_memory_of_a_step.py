"""A batch larger than memory: the size that fits is said, and nothing is lost."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.errors import UserError


def test_the_batch_that_fits_is_named(setup):
    trainer = setup.trainer()
    losses = trainer.method.losses

    def full(batch, generator=None):
        if len(batch.target.image) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return losses(batch, generator)

    trainer.method.losses = full
    size = trainer.settings.batch_size
    assert size > 1
    with pytest.raises(UserError, match=rf"{size} samples at once take more memory .*: 1 fit, so give --batch_size 1"):
        trainer.fit()


def test_another_error_stays_what_it_is(setup):
    trainer = setup.trainer()

    def wrong(batch, generator=None):
        raise RuntimeError("sizes of tensors must match")

    trainer.method.losses = wrong
    with pytest.raises(RuntimeError, match="must match"):
        trainer.fit()
