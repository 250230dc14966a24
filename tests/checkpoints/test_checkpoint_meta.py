"""What a checkpoint says of itself survives JSON, and nothing impossible or unknown gets in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.errors import UserError

Make = Callable[..., CheckpointMeta]


def _through_json(meta: CheckpointMeta) -> CheckpointMeta:
    return CheckpointMeta.from_json(json.loads(json.dumps(meta.to_json())), "checkpoint.json")


def test_json_round_trip(make_meta: Make) -> None:
    meta = make_meta(
        config={"learning_rate": 1e-4, "scales": (0, 1), "nested": {"list": [1, None]}},
        step=1200,
        epoch=3,
        score={"abs_rel": 0.115},
        protocol="eigen, 80 m, median",
        pose_encoder="resnet18",
        pose_model_type="separate_resnet",
        pose_model_input="pairs",
        num_pose_frames=2,
        origin="read as a checkpoint of DistDepth: opt.json says so",
    )
    assert _through_json(meta) == meta
    assert meta.frame_ids == (0, -1, 1, "s")


def test_lists_are_taken_for_tuples(make_meta: Make) -> None:
    assert make_meta(scales=[0, 1], frame_ids=[0, -1, 1, "s"]) == make_meta()


def test_a_score_that_is_no_number_is_kept(make_meta: Make) -> None:
    score = _through_json(make_meta(score={"abs_rel": float("nan")})).score
    assert score is not None and math.isnan(score["abs_rel"])


def test_metric_or_not(make_meta: Make) -> None:
    assert make_meta().metric
    assert not make_meta(metres_per_unit=None).metric


def test_unknown_and_missing_keys_are_named(make_meta: Make) -> None:
    values = make_meta().to_json() | {"metre_per_unit": 5.4}
    del values["width"]
    with pytest.raises(UserError, match="runs/x.json.*unknown keys: metre_per_unit; missing keys: width"):
        CheckpointMeta.from_json(values, "runs/x.json")


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_version_is_refused(make_meta: Make, version: Any) -> None:
    values = make_meta().to_json() | {"format_version": version, "library_version": "9.9"}
    with pytest.raises(UserError, match=f"x.json.*format {version!r}.*reads format 1.*9.9"):
        CheckpointMeta.from_json(values, "x.json")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"height": 0}, "height is 0"),
        ({"width": "640"}, "width is '640'"),
        ({"upsample": "cubic"}, "nearest or bilinear"),
        ({"min_depth": 0.0}, "min_depth is 0.0"),
        ({"max_depth": 0.1}, "above min_depth"),
        ({"metres_per_unit": 0.0}, "metres_per_unit is 0.0"),
        ({"scales": ()}, "at least one scale"),
        ({"config": {"data_path": Path("x")}}, "config must be made of plain JSON values"),
    ],
)
def test_impossible_values_are_refused(make_meta: Make, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        make_meta(**changes)


def test_a_wrong_type_in_the_file_names_the_file(make_meta: Make) -> None:
    with pytest.raises(UserError, match="x.json"):
        CheckpointMeta.from_json(make_meta().to_json() | {"min_depth": "0.1"}, "x.json")
