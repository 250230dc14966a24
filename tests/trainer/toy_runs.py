"""What tests look at in runs of the toy method (conftest.py)."""

from __future__ import annotations

import torch

from selfsup_depth.checkpoints import load_checkpoint


def weights(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.method.state_dict().items()}


def toy(setup):  # the method class of conftest, without importing conftest by name
    return type(setup.trainer().method)


def saved_networks(setup) -> dict[str, torch.Tensor]:
    """The averaged weights that are validated and predicted with."""
    return dict(load_checkpoint(setup.folder / "toy" / "models" / "last").state_dicts["depth"])
