"""A COLMAP project from training to report: validated by its points, and nothing is called metres."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from colmap_files import MANY, write_colmap

import evaluate_depth
import prepare_data
import train
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.datasets import DatasetRequest, build_dataset

SIZE = ["--height", "64", "--width", "96", "--num_workers", "0"]
SMALL = [
    *SIZE, "--no_cuda", "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--pose_model_type",
    "posecnn", "--batch_size", "4", "--num_epochs", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_colmap(tmp_path_factory.mktemp("colmap") / "project", frames=20, pixels=MANY, unit=3.0)


def test_its_points_are_the_ground_truth_of_validation(project, tmp_path, capsys):
    assert train.main(["--dataset", "colmap", "--data_path", str(project), *SMALL, "--log_dir", str(tmp_path)]) == 0
    run = tmp_path / "mdp"
    meta = load_checkpoint(run / "models" / "best").meta
    assert meta.protocol == "colmap, aligned, 2 images" and not meta.metric
    summary = json.loads((run / "validation.json").read_text())
    assert summary["unaligned"] is None and summary["extra_metrics"]["means"] == {}
    assert [row["valid_pixels"] for row in summary["rows"]] == [len(MANY)] * 2
    page = (run / "report.html").read_text()
    assert "colmap: points of a COLMAP reconstruction" in page
    assert "units of the reconstruction (median-aligned)" in page
    shown = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.S)
    assert not re.findall(r".{30}\bmetres\b.{10}|.{30}[\d>] m\b.{10}", shown)
    assert not re.search(r"metres|\d m\b", capsys.readouterr().out)

    words = ["--dataset", "colmap", "--data_path", str(project), "--load_weights_folder", str(run / "models" / "best")]
    assert evaluate_depth.main([*words, "--eval_mono", "--num_workers", "0", "--no_cuda"]) == 0
    scored = json.loads(next(run.glob("models/best_evaluation*/summary.json")).read_text())["aligned"]
    assert scored["abs_rel"] == pytest.approx(summary["aligned"]["abs_rel"], abs=1e-6)


def test_a_prepared_set_keeps_points_and_unit(project, tmp_path):
    prepare = ["--dataset", "colmap", "--data_path", str(project), *SIZE]
    assert prepare_data.main([*prepare, "--output_directory", str(tmp_path / "set")]) == 0
    request = DatasetRequest(64, 96, (0,), tmp_path / "set", part="val", with_depth=True)
    prepared = build_dataset("prepared", request)
    original = build_dataset("colmap", DatasetRequest(64, 96, (0, -1, 1), project, part="val"))
    assert prepared.source.depth_up_to_scale
    for index, item in enumerate(prepared.items):
        assert np.array_equal(prepared.depth(index), original.source.depth(item))
    options = ["--dataset", "prepared", "--data_path", str(tmp_path / "set"), *SMALL, "--log_dir", str(tmp_path)]
    assert train.main(options) == 0
    assert load_checkpoint(tmp_path / "mdp" / "models" / "best").meta.protocol == "colmap, aligned, 2 images"
