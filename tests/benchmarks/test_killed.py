"""What benchmarks.killed tells of two logs; the runs themselves are tested in tests/scripts/test_train_processes.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import killed


def write_log(folder: Path, losses: list[float]) -> None:
    lines = [{"kind": "train", "step": 10 * (number + 1), "loss": loss} for number, loss in enumerate(losses)]
    lines.append({"kind": "validation", "step": 10 * len(losses), "abs_rel": 0.25, "loss": 1.0})
    (folder / "mdp").mkdir(parents=True)
    (folder / "mdp" / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")


def test_logs_become_curves_differences_and_a_picture(tmp_path):
    for way, losses in {"whole": [0.2, 0.1], "killed": [0.2, 0.1], "fewer": [0.2, 0.101]}.items():
        write_log(tmp_path / way, losses)
    curves = {way: killed.losses(tmp_path / way) for way in ("whole", "killed", "fewer")}
    assert curves["whole"] == [(10, 0.2), (20, 0.1)]
    assert killed.apart(curves, "killed") == 0
    assert killed.apart(curves, "fewer") == pytest.approx(0.01)
    assert killed.final_scores(tmp_path / "whole") == {"abs_rel": 0.25}
    killed.draw(tmp_path / "killed.png", curves, 10)
    assert (tmp_path / "killed.png").stat().st_size > 1000
    assert killed.saved_step(tmp_path / "none") == 0
