"""The comparison of loss curves: both ways start alike, see the same samples, and are told apart by more than noise."""

from __future__ import annotations

import json

import pytest
from PIL import Image
from stereo_footage import write_stereo_folder

from benchmarks import curves

SMALL = (
    "--dataset stereo_folder --frame_ids 0 1 --use_stereo --height 64 --width 96 --weights_init scratch --batch_size 2 "
    "--encoder mobilenetv3_small_050 --pose_model_type posecnn --no_cuda"
)


def test_it_runs_both_ways_from_the_same_start(tmp_path, monkeypatch, capsys):
    footage = write_stereo_folder(tmp_path / "wall")
    told, plot = tmp_path / "curves.json", tmp_path / "curves.png"
    words = ["--steps", "10", "--seeds", "0", "1", "--json", str(told), "--plot", str(plot)]
    monkeypatch.setattr("sys.argv", ["curves", *words, "--data_path", str(footage), *SMALL.split()])
    curves.main()
    found = json.loads(told.read_text())["curves"]
    assert {len(curve) for way in ("plain", "ours") for curve in found[way]} == {10}
    for plain, ours in zip(found["plain"], found["ours"], strict=True):
        assert ours[0] == pytest.approx(plain[0], rel=1e-4)  # but for the noise that breaks ties
        assert ours == pytest.approx(plain, rel=0.05) and len(set(ours)) == 10
    assert found["ours"][0] != found["ours"][1]
    assert Image.open(plot).size[0] > 300
    assert "apart on average" in capsys.readouterr().out


def test_a_way_that_learns_less_is_farther_apart_than_seeds():
    falling = [1 / (1 + step) for step in range(40)]
    seeds = [[loss + shift for loss in falling] for shift in (0.0, 0.01, 0.02)]
    apart, noise = curves.differences({"plain": seeds, "ours": seeds[::-1]})
    assert (apart, noise) == (pytest.approx(0.04 / 3), pytest.approx(0.01))
    worse = [[loss + 0.1 for loss in curve] for curve in seeds]
    assert curves.differences({"plain": seeds, "ours": worse})[0] == pytest.approx(0.1)
