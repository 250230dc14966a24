"""The command in a report is the run's: typed again, it asks for the same."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from selfsup_depth import cli
from selfsup_depth.config import DataConfig, FootageConfig, LossConfig, TrainConfig
from selfsup_depth.outcome.gathering import command_of


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(data=DataConfig(Path("/my films/Gärten.mp4"), "video", frame_ids=(0, -2, 2), use_stereo=True)),
        TrainConfig(
            footage=FootageConfig(right_video=Path("two words and it's"), fps=7.5), loss=LossConfig(v1_multiscale=True)
        ),
    ],
)
def test_it_asks_for_the_same(config):
    command = shlex.split(command_of(config))
    assert command[:2] == ["python", "train.py"]
    assert cli.parse(TrainConfig, command[2:]) == config
