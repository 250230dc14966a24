"""Tables of a report hold the numbers of validation.json, where their heads say."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfsup_depth.evaluation.protocols import protocol_of_validation
from selfsup_depth.evaluation.validation import ValidationSet
from selfsup_depth.outcome.judging import judge
from selfsup_depth.outcome.tables import image_table, score_tables
from selfsup_depth.report.content import Estimate, Table
from tests.outcome.told_wall import told, wall_set

FACTORS = (1.3, 1.3, 0.9)


@pytest.fixture(scope="module")
def summary(tmp_path_factory) -> dict[str, Any]:
    """Of a network that sees two images 30 % too far, and one 10 % too near."""
    dataset = wall_set(tmp_path_factory.mktemp("wall"))
    network = told(FACTORS)
    network.method = network
    run = SimpleNamespace(best="models/best")
    return judge(run, network, ValidationSet(dataset, 1, 0), protocol_of_validation(dataset))[2]


def cell(table: Table, row: str, column: str) -> Estimate:
    (found,) = [one for one in table.rows if one.label == row]
    return found.cells[table.columns.index(column)]


def test_scores_and_their_intervals(summary):
    table = score_tables(summary)[0]
    found = cell(table, "un-aligned (metres)", "abs_rel")
    assert found.value == pytest.approx(np.mean(np.abs(np.array(FACTORS) - 1)), abs=1e-3)
    assert (found.low, found.high) == pytest.approx((0.1, 0.3), abs=1e-3)  # all of one image, or of the others
    assert cell(table, "aligned (median)", "abs_rel").value == pytest.approx(0.0, abs=1e-3)
    assert cell(table, "un-aligned (metres)", "a1").value == pytest.approx(1 / 3)
    assert [row.style for row in table.rows] == ["", "headline", "dim", "dim"]
    assert "3 of 3 images scored" in table.note


def test_by_distance(summary):
    """The error of a depth that is too far by one factor is the same at every distance, and so is its bias."""
    (table,) = [one for one in score_tables(summary) if one.title == "By distance"]
    assert table.columns == ("5-10 m", "10-20 m")  # where the wall is
    for column in table.columns:
        assert cell(table, "images", column) == "3"
        assert cell(table, "abs_rel", column).value == pytest.approx(0.7 / 3, abs=1e-3)
        assert cell(table, "bias, (prediction - truth) / truth", column).value == pytest.approx(0.5 / 3, abs=1e-3)
    shares = [cell(table, "pixels in %", column).value for column in table.columns]
    assert sum(shares) == pytest.approx(100) and shares[0] > shares[1]


def test_every_image_has_its_row(summary):
    table = image_table(summary)
    column = {name: place for place, name in enumerate(table.columns)}
    assert [row[0] for row in table.rows] == [row["name"] for row in summary["rows"]]
    assert len(table.digits) == len(column) == len(table.rows[0])
    for row, factor in zip(table.rows, FACTORS, strict=True):
        assert row[column["abs_rel"]] == pytest.approx(abs(factor - 1), abs=1e-3)
        assert row[column["ratio"]] == pytest.approx(1 / factor, rel=1e-3)
        assert row[column["abs_rel aligned"]] == pytest.approx(0, abs=1e-3)
    assert table.rows[0][column["valid pixels"]] == summary["rows"][0]["valid_pixels"] > 100


def edges(summary: dict[str, Any]) -> Table:
    (table,) = [one for one in score_tables(summary) if one.title == "Depth edges"]
    return table


def test_edges(summary):
    """A wall has none, and the page says so; what was measured of it stands under its head, with its interval."""
    table = edges(summary)
    assert table.columns == ("right side of the plane, %", "seen before it, %", "seen beyond it, %")
    measured = [summary["extra_metrics"]["means"][name]["mean"] for name in ("dir_acc", "dir_minus", "dir_plus")]
    assert [one.value for one in table.rows[0].cells] == measured
    assert sum(one.value for one in table.rows[0].cells) == pytest.approx(100)
    assert "3 images lack some of it, the first, wall 0 l: the ground truth has no depth edge" in table.note
    with_edges = copy.deepcopy(summary)
    with_edges["extra_metrics"]["means"]["edge_acc"] = {"mean": 3.5, "images": 3}
    with_edges["intervals"]["extras"]["edge_acc"] = [3.0, 4.0]
    found = cell(edges(with_edges), "mean", "accuracy, px")
    assert (found.value, found.low, found.high) == (3.5, 3.0, 4.0)
    assert "edge_acc" in image_table(with_edges).columns and "edge_acc" not in image_table(summary).columns
