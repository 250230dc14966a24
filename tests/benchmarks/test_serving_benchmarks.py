"""The benchmarks of evaluation and prediction, in small: they run, and what they compare is the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("cv2", reason="the published way resizes with OpenCV (extra `video`)")

from benchmarks import evaluate, predict
from benchmarks.published_serving import PublishedNetwork, published_errors, write_checkpoint
from selfsup_depth.evaluation.metrics import MONODEPTH2_COLUMNS, depth_scores
from selfsup_depth.predictor import DepthPredictor

SMALL = ["--images", "3", "--height", "64", "--width", "96", "--rounds", "1", "--batches", "1", "2"]
SMALL += ["--encoder", "mobilenetv3_small_050"]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(
    ("benchmark", "more", "checked"),
    [
        (evaluate, ["--truth", "dense"], "score_differences"),
        (evaluate, ["--sizes", "128x64"], "score_differences"),
        (predict, ["--sizes", "128x64"], "depth_differences"),
    ],
    ids=["evaluate dense", "evaluate lidar", "predict"],
)
def test_they_run_and_say_what_they_measured(benchmark, more, checked, tmp_path, monkeypatch, capsys):
    told, plot = tmp_path / "told.json", tmp_path / "plot.png"
    monkeypatch.setattr("sys.argv", ["benchmark", *SMALL, *more, "--json", str(told), "--plot", str(plot)])
    benchmark.main()
    result = json.loads(told.read_text())
    further = {"128x64, batches of 2"} if "--sizes" in more else set()
    assert set(result["settings"]) == {"96x64, batches of 1", "96x64, batches of 2"} | further
    ways = result["settings"]["96x64, batches of 2"]
    assert {"published", "ours", "network"} <= set(ways)
    assert ways["published"]["times_base_cpu"] == 1.0
    assert ways["ours"]["median_cpu_s"] > 0
    assert len(result[checked]) == 1 + len(further)
    assert Image.open(plot).size[0] == (1440 if further else 720)  # a panel for batches, and one for sizes
    printed = capsys.readouterr().out
    assert "times published" in printed and "batches of 2" in printed
    if benchmark is predict:
        assert "frames per second; the network alone" in printed


@pytest.mark.usefixtures("threads")
def test_ways_that_disagree_are_not_compared(monkeypatch):
    monkeypatch.setattr("sys.argv", ["benchmark", *SMALL])
    monkeypatch.setattr(evaluate, "evaluate_as_published", lambda *_: np.full(7, 0.9))
    with pytest.raises(AssertionError, match="the two evaluations disagree"):
        evaluate.main()
    monkeypatch.setattr(predict, "SAME", 0.0)
    with pytest.raises(AssertionError, match="the two predictions disagree"):
        predict.main()


def test_the_published_network_is_ours(tmp_path):
    folder = write_checkpoint(tmp_path / "weights", "mobilenetv3_small_050", 64, 96)
    images = torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    published, ours = PublishedNetwork(folder), DepthPredictor.load(folder, "cpu")
    inverse = published(images).cpu() / published.meta.metres_per_unit
    torch.testing.assert_close(ours.predict(images).inverse_depth, inverse, rtol=1e-5, atol=0)


def test_the_published_errors_are_ours():
    rng = np.random.default_rng(0)
    truth, guess = rng.uniform(1, 80, (2, 500))
    ours = depth_scores(truth, guess)
    expected = [getattr(ours, name) for name in MONODEPTH2_COLUMNS]
    assert published_errors(truth, guess) == pytest.approx(expected, rel=1e-12)
