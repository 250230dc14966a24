from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.accumulator import ScoreAccumulator, evaluate
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import PROTOCOLS

BUILTIN = PROTOCOLS["builtin"]
METRIC = ScoringMode(align=False)
MONO = ScoringMode(align=True, metric=False, scale_source="the checkpoint is up to scale")


def flat(depth: float, size: int = 4) -> np.ndarray:
    return np.full((size, size), depth)


def test_counts_in_are_counts_out_and_empty_images_are_in_no_mean():
    accumulator = ScoreAccumulator(BUILTIN, METRIC)
    accumulator.add(torch.full((1, 2, 2), 0.1), flat(10.0), "exact")
    accumulator.add(torch.full((1, 2, 2), 0.1), flat(0.0), "nothing measured")
    accumulator.add(torch.full((1, 2, 2), 0.1), None, "no file")
    accumulator.add(torch.full((1, 2, 2), 0.1), flat(20.0), "half")
    result = accumulator.result()
    assert [row.name for row in result.rows] == ["exact", "nothing measured", "no file", "half"]
    assert result.scored_count == 2
    assert result.without_ground_truth == ("nothing measured", "no file")
    assert result.unaligned is not None and result.unaligned.abs_rel == pytest.approx(0.25)  # (0 + 0.5) / 2
    assert result.aligned.abs_rel == pytest.approx(0, abs=1e-6)
    assert result.ratios.median == pytest.approx(1.5)
    assert result.ratios.relative_std == pytest.approx(1 / 3)


def test_headline_follows_the_mode():
    stream = [(torch.full((1, 2, 2), 0.1), flat(20.0), "x")]
    assert evaluate(stream, BUILTIN, METRIC).headline.abs_rel == pytest.approx(0.5)
    assert evaluate(stream, BUILTIN, ScoringMode(align=True)).headline.abs_rel == pytest.approx(0, abs=1e-6)
    mono = evaluate(stream, BUILTIN, MONO)
    assert mono.unaligned is None and mono.headline == mono.aligned
    assert (mono.mode.headline, METRIC.headline) == ("aligned", "un-aligned")


def test_nan_predictions_are_named_and_not_hidden():
    accumulator = ScoreAccumulator(BUILTIN, METRIC)
    accumulator.add(torch.full((1, 2, 2), float("nan")), flat(10.0), "broken")
    accumulator.add(torch.full((1, 2, 2), 0.1), flat(10.0), "fine")
    result = accumulator.result()
    assert result.not_finite == ("broken",)
    assert np.isnan(result.aligned.abs_rel)


def test_ground_truth_is_kept_only_when_asked():
    for keep in (False, True):
        accumulator = ScoreAccumulator(BUILTIN, METRIC, keep_ground_truth=keep)
        accumulator.add(torch.ones(1, 2, 2), np.array([[0.0, 5.0], [90.0, 7.0]]), "x")
        accumulator.add(torch.ones(1, 2, 2), None, "y")
        assert [values.tolist() for values in accumulator.valid_depths] == ([[5.0, 7.0]] if keep else [])


def test_no_valid_image_at_all():
    with pytest.raises(UserError, match="None of the 1 images has valid ground truth under protocol builtin"):
        evaluate([(torch.ones(1, 2, 2), flat(8000.0), "millimetres")], BUILTIN, METRIC)


def test_the_range_that_counts_is_named():
    with pytest.raises(UserError, match=r"under protocol simsin \(depths of 0.01 to 10 m\)"):
        evaluate([(torch.ones(1, 2, 2), flat(0.005), "too near")], PROTOCOLS["simsin"], METRIC)


def test_a_submission_protocol_cannot_be_scored():
    with pytest.raises(ValueError, match="benchmark has no ground truth"):
        ScoreAccumulator(PROTOCOLS["benchmark"], METRIC)
