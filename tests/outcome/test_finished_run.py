"""The folder of a run, read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.outcome import FinishedRun, finished_run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run as train.py leaves it, but for its weights."""
    folder = tmp_path / "mdp"
    best = folder / "models" / "best"
    best.mkdir(parents=True)
    (folder / "config.yaml").write_text("frame_ids: [0]\nuse_stereo: true\nmodel_name: mdp\n")
    lines = [
        {"kind": "train", "step": 10, "loss": 0.3},
        {"kind": "health", "step": 200, "check": "collapsed", "finding": "step 200: flat"},
        {"kind": "health", "step": 300, "check": "collapsed", "finding": "step 300: flat"},
        {"kind": "health", "step": 300, "finding": "step 300: an older line"},
    ]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"kind": "tra')
    monkeypatch.setattr(finished_run, "find_checkpoint", lambda path: path if path.is_dir() else None)
    return folder


def test_options_log_and_checkpoint(folder):
    run = FinishedRun.read(folder)
    assert run.name == "mdp" and run.config.data.use_stereo and run.best == folder / "models" / "best"
    assert len(run.log) == 4  # the line that was being written when the run was killed is left out
    assert run.findings == ("step 300: flat", "step 300: an older line")


def test_no_run_and_no_best_epoch(folder, tmp_path):
    with pytest.raises(UserError, match=r"other is not the folder of a run \(it has no config.yaml\): give the folder"):
        FinishedRun.read(tmp_path / "other")
    (folder / "models" / "best").rmdir()
    with pytest.raises(UserError, match="no epoch of .*mdp had a finite validation score"):
        FinishedRun.read(folder)


def test_scores_of_single_images(folder):
    run = FinishedRun.read(folder)
    assert run.trained_on is None
    with pytest.raises(UserError, match=r"validation.json is missing, .* run python make_report.py --run .*mdp first"):
        run.scores()
    (folder / "validation.json").write_text('{"library_version": "0.0.9"}')
    with pytest.raises(UserError, match=r"has no scores per image \(library 0.0.9\): run python make_report.py"):
        run.scores()
    (folder / "validation.json").write_text('{"rows": [], "trained_on": "cpu"}')
    assert run.scores()["rows"] == [] and run.trained_on == "cpu"
