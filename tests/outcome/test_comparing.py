"""What is said of two runs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from selfsup_depth.config import DataConfig, LossConfig, TrainConfig
from selfsup_depth.errors import UserError
from selfsup_depth.outcome.comparing import shared_column
from selfsup_depth.outcome.contender import names_of, other_losses
from selfsup_depth.outcome.looks import apart, choose, spread


def test_metres_are_compared_with_metres_only():
    metric, mono = ({"headline": {"column": column}} for column in ("un-aligned", "aligned"))
    assert shared_column(metric, metric) == "unaligned"
    assert shared_column(metric, mono) == shared_column(mono, metric) == shared_column(mono, mono) == "aligned"


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    runs = [SimpleNamespace(name="mdp", folder=tmp_path / folder / "mdp") for folder in ("a", "b")]
    assert names_of(*runs) == (str(tmp_path / "a" / "mdp"), str(tmp_path / "b" / "mdp"))
    with pytest.raises(UserError, match=r"--against .*mdp is the run itself: give another run"):
        names_of(runs[0], SimpleNamespace(name="mdp", folder=tmp_path / "a" / "." / "mdp"))
    runs[1].name = "other"
    assert names_of(*runs) == ("mdp", "other")


def run(frame_ids: tuple[int, ...] = (0, -1, 1), use_stereo: bool = False, **loss: object) -> SimpleNamespace:
    data = DataConfig(frame_ids=frame_ids, use_stereo=use_stereo)
    return SimpleNamespace(config=TrainConfig(data=data, loss=LossConfig(**loss)))


def test_losses_of_another_kind_are_named():
    assert other_losses(run(), run(frame_ids=(0, 1, -1))) == ""
    assert other_losses(run(), run(no_ssim=True, avg_reprojection=True)) == (
        "The runs differ in --avg_reprojection, --no_ssim: their loss curves are not of the same quantity."
    )
    assert "--frame_ids, --use_stereo:" in other_losses(run(), run(frame_ids=(0,), use_stereo=True))


def looks(scores: list[float | None]) -> SimpleNamespace:
    names = [f"frame {i}" for i in range(len(scores))]
    return SimpleNamespace(
        rows=dict.fromkeys(names), index={name: i for i, name in enumerate(names)},
        score=dict(zip(names, scores, strict=True)).get,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "best", "worst"),
    [
        ([0.3, 0.1, 0.2, 0.4], [1, 2], [3, 0]),
        ([0.3], [0], []),
        ([None, 0.2, float("nan"), 0.1], [3], [1]),
        # neighbours look alike: of twenty frames the next two are passed over
        ([*np.linspace(0.1, 0.9, 20)], [0, 3], [19, 16]),
    ],
)
def test_best_and_worst_images(scores, best, worst):
    found = choose(looks(scores), 2)
    assert found == ([f"frame {i}" for i in best], [f"frame {i}" for i in worst])


def test_spread_over_a_list():
    assert spread("abcdefghi", 3) == ["a", "e", "i"]
    assert spread("ab", 4) == ["a", "b"] and spread("a", 3) == ["a"] and spread("", 3) == []
    assert apart(["c", "d", "a"], {"a": 0, "c": 2, "d": 3}, 3) == ["c", "d", "a"]
