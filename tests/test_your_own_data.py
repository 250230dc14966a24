"""The walk of docs/your_own_data.md: every command of its first sections, in order, on small footage."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from selfsup_depth.datasets.builtin import ensure_builtin_drive, plain_footage

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your_own_data.md").read_text()
WALK = PAGE[: PAGE.index("## What the commands do")]
COMMANDS = [line for line in WALK.splitlines() if line.startswith("python ")]
SIZE = "--height 64 --width 96 --num_workers 0"
SMALLER = {
    "train.py": f"{SIZE} --batch_size 2 --num_epochs 1 --no_cuda --encoder mobilenetv3_small_050",
    "prepare_data.py": SIZE,
    "predict_depth.py": "--no_cuda",
}


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    words = shlex.split(command)[1:]
    if words[0] == "-m":
        monkeypatch.setattr("sys.argv", words[1:])
        return importlib.import_module(words[1]).main()
    script = importlib.import_module(Path(words[0]).stem)
    return script.main([*words[1:], *SMALLER.get(words[0], "").split()])


def test_from_footage_to_report_in_five_commands_or_fewer():
    blocks = [block.strip().splitlines() for block in re.findall(r"^```\n(python .*?)^```", WALK, re.M | re.S)]
    assert [len(block) for block in blocks] == [1, 4, 3]
    assert all("check_data.py" in block[0] and "predict_depth.py" in block[-1] for block in blocks[1:])


def test_the_walk(tmp_path, monkeypatch):
    pytest.importorskip("cv2")
    drive = ensure_builtin_drive(tmp_path / "cache", frames=24, height=64, width=96, workers=1)
    monkeypatch.setattr(plain_footage, "ensure_builtin_drive", lambda: drive)
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        assert run(command, monkeypatch) == 0, command
    for name in ("rig", "drive"):
        assert (tmp_path / "runs" / name / "report.html").stat().st_size > 100_000
    assert len(list((tmp_path / "footage" / "depth").glob("*_depth.npy"))) == 24
    assert list((tmp_path / "footage" / "video_depth").glob("*.mp4"))
