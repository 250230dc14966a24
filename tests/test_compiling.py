"""--compile where nothing can compile is one sentence, before any work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from selfsup_depth.compiling import require_compiler

ROOT = Path(__file__).parents[1]


def test_a_compiler_that_is_there_is_found():
    require_compiler(torch.device("cpu"))


@pytest.mark.parametrize("option", ["--compile", "--compile_networks"])
def test_without_a_compiler_the_command_says_what_is_missing(option, tmp_path):
    environment = {**os.environ, "CXX": str(tmp_path / "no_compiler"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "train.py", option, "--no_cuda", "--log_dir", str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "error: --compile: torch.compile needs a C++ compiler" in done.stderr
    assert "leave out --compile" in done.stderr and "Traceback" not in done.stderr
