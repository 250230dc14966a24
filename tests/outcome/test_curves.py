"""From log lines to charts."""

from __future__ import annotations

from selfsup_depth.outcome.curves import curves, curves_of_two

LOG = [
    {"kind": "train", "step": 10, "epoch": 0, "loss": 0.5, "reprojection/0": 0.2, "reprojection/1": 0.3,
     "warp_error": 1},
    {"kind": "train", "step": 20, "epoch": 0, "loss": 0.4, "reprojection/0": 0.1, "reprojection/1": 0.3,
     "warp_error": 1, "identity_error": 2.0},
    {"kind": "validation", "step": 20, "epoch": 0, "abs_rel": 0.3, "aligned_abs_rel": 0.2, "a1": 0.7, "a2": 0.8},
    {"kind": "health", "step": 20, "finding": "flat"},
    {"kind": "train", "step": 30, "epoch": 1, "loss": 0.3, "distill/spatial": 0.01},
]  # fmt: skip


def test_what_belongs_together_shares_a_chart():
    found = {chart.title: chart.lines for chart in curves(LOG)}
    assert list(found) == [
        "validation abs_rel", "validation a1, a2, a3", "loss", "reprojection", "photometric error, warped and not",
        "distill",
    ]  # fmt: skip
    assert [line.label for line in found["reprojection"]] == ["scale 0", "scale 1"]
    assert [line.label for line in found["distill"]] == ["spatial"]
    assert [line.label for line in found["validation abs_rel"]] == ["abs_rel", "aligned_abs_rel"]


def test_a_value_stands_at_its_step():
    (loss,) = next(chart.lines for chart in curves(LOG) if chart.title == "loss")
    assert (list(loss.x), list(loss.y)) == ([10, 20, 30], [0.5, 0.4, 0.3])
    errors = next(chart.lines for chart in curves(LOG) if chart.title.startswith("photometric"))
    assert [list(line.x) for line in errors] == [[10, 20], [20]]


def test_two_runs_share_charts_of_what_both_have():
    other = [{"kind": "train", "step": 5, "loss": 1.0}, {"kind": "validation", "step": 5, "abs_rel": 0.9, "rmse": 1.0}]
    found = {chart.title: chart.lines for chart in curves_of_two({"mdp": LOG, "other": other})}
    assert list(found) == ["validation abs_rel", "loss"]
    assert [(line.label, list(line.x)) for line in found["loss"]] == [("mdp", [10, 20, 30]), ("other", [5])]


def test_an_empty_log_has_no_charts():
    assert curves([]) == ()
