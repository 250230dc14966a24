"""train.py started as users start it, and what tests look at in its runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train
from selfsup_depth.errors import UserError

ROOT = Path(__file__).parents[2]
STEREO = ["--frame_ids", "0", "--use_stereo"]


def command(*options: str) -> list[str]:
    return [sys.executable, str(ROOT / "train.py"), *options]


def run_script(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run(command(*options), capture_output=True, text=True, timeout=300)


def networks_of(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= {f"{path.stem}.{name}": value for name, value in load_file(path).items()}
    assert found
    return found


def refused(options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train.main(options)
