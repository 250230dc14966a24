"""The real command, from words to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import export_gt_depth
from selfsup_depth import cli
from selfsup_depth.evaluation.ground_truth_files import GroundTruthFile
from splits import read_split
from tests.evaluation.kitti_files import write_kitti_raw


def test_from_words_to_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = write_kitti_raw(tmp_path / "kitti", read_split("eigen", "test"), images=False)
    assert export_gt_depth.main(["--data_path", str(root), "--split", "eigen"]) == 0
    folder = root / "splits" / "eigen"
    assert "697 ground-truth maps are in" in capsys.readouterr().out
    assert len(GroundTruthFile(folder / "gt_depths.npz")) == 697
    assert json.loads((folder / "manifest.json").read_text())["count"] == 697


def test_missing_data_is_one_sentence_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.run(lambda: export_gt_depth.main(["--data_path", str(tmp_path), "--split", "eigen"])) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: 697 of the 697 LiDAR scans of eigen are missing under")
    assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [[], ["--data_path", "x"], ["--data_path", "x", "--split", "eigen_zhou"]])
def test_incomplete_or_unknown_words_end_with_status_2(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        export_gt_depth.main(words)
    assert stopped.value.code == 2
    assert "--split" in capsys.readouterr().err or not words
