from __future__ import annotations

import pytest

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.modes import PredictionUnit, ScoringMode, scoring_mode
from selfsup_depth.evaluation.protocols import PROTOCOLS

EIGEN, FOLDER = PROTOCOLS["eigen"], PROTOCOLS["stereo_folder"]
METRIC = PredictionUnit(True, "the checkpoint runs/ms")
UP_TO_SCALE = PredictionUnit(False, "the checkpoint runs/m")
UNKNOWN = PredictionUnit(None, "the file disps.npy")


def mode(unit: PredictionUnit, protocol=EIGEN, **options: object) -> ScoringMode:
    return scoring_mode(EvaluateConfig(**options), protocol, unit)  # type: ignore[arg-type]


def test_a_metric_checkpoint_needs_no_factor():
    stereo = mode(METRIC, eval_stereo=True)
    assert (stereo.align, stereo.scale_factor, stereo.metric) == (False, 1.0, True)
    mono = mode(METRIC, eval_mono=True)
    assert (mono.align, mono.scale_factor, mono.metric) == (True, 1.0, True)


def test_an_up_to_scale_checkpoint_has_aligned_scores_only():
    mono = mode(UP_TO_SCALE, eval_mono=True)
    assert mono.align and not mono.metric
    assert mono.scale_source == "the checkpoint runs/m is up to scale"


def test_published_files_get_the_published_factor_on_kitti_only():
    published = mode(UNKNOWN, eval_stereo=True)
    assert (published.scale_factor, published.metric, published.align) == (5.4, True, False)
    with pytest.raises(UserError, match=r"disps.npy does not say its unit: use --eval_mono, or give .*factor"):
        mode(UNKNOWN, FOLDER, eval_stereo=True)
    assert not mode(UNKNOWN, eval_mono=True).metric


def test_a_given_factor_wins():
    for unit in (UP_TO_SCALE, UNKNOWN):
        given = mode(unit, eval_stereo=True, pred_depth_scale_factor=2.0)
        assert (given.scale_factor, given.metric, given.align) == (2.0, True, False)
    assert mode(UP_TO_SCALE, eval_mono=True, pred_depth_scale_factor=31.0).metric


def test_metres_are_not_multiplied_once_more():
    with pytest.raises(UserError, match=r"--pred_depth_scale_factor 5.4: .* is in metres already"):
        mode(METRIC, eval_mono=True, disable_median_scaling=True, pred_depth_scale_factor=5.4)


def test_disabled_median_scaling_makes_the_unaligned_column_the_result():
    assert not mode(METRIC, eval_mono=True, disable_median_scaling=True).align
    taken = mode(UNKNOWN, eval_mono=True, disable_median_scaling=True)
    assert taken.metric and not taken.align and taken.scale_factor == 1.0


@pytest.mark.parametrize(("options", "found"), [({}, "neither"), ({"eval_mono": True, "eval_stereo": True}, "both")])
def test_exactly_one_of_mono_and_stereo(options, found):
    with pytest.raises(UserError, match=f"exactly one of --eval_mono .* and --eval_stereo .*{found}"):
        mode(METRIC, **options)


def test_up_to_scale_in_metres_is_refused():
    with pytest.raises(UserError, match="--eval_stereo scores depth in metres, but the checkpoint runs/m is up to"):
        mode(UP_TO_SCALE, eval_stereo=True)
    with pytest.raises(UserError, match="runs/m is up to scale: leave --disable_median_scaling out"):
        mode(UP_TO_SCALE, eval_mono=True, disable_median_scaling=True)


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"num_workers": -1}, {"pred_depth_scale_factor": 0.0}])
def test_impossible_values(options):
    with pytest.raises(UserError, match="must be|at least"):
        EvaluateConfig(**options)


def test_a_mode_without_any_score_does_not_exist():
    with pytest.raises(ValueError, match="neither aligned nor metric"):
        ScoringMode(align=False, metric=False)
