"""Folders in Hugging Face format: each family at any size, complete folders only, published sizes honoured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import load_teacher
from selfsup_depth.teachers.input_policy import HALF, IMAGENET_MEAN
from tests.teachers.teacher_files import (
    tiny_depth_anything,
    tiny_dpt,
    tiny_dpt_on_dinov2,
    tiny_hybrid,
    tiny_zoedepth,
)

FAMILIES: dict[str, tuple[Callable[[], Any], str, int, int]] = {
    "dpt": (tiny_dpt, "relative_disparity", 384, 32),
    "hybrid": (tiny_hybrid, "relative_disparity", 384, 32),
    "dpt_on_dinov2": (tiny_dpt_on_dinov2, "metric_depth", 480, 28),
    "depth_anything": (tiny_depth_anything, "relative_disparity", 518, 14),
    "depth_anything_metric": (lambda: tiny_depth_anything("metric", 20), "metric_depth", 518, 14),
    "zoedepth": (tiny_zoedepth, "metric_depth", 384, 32),
}


def images(height: int, width: int, batch: int = 1) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def dpt_folder(tmp_path: Path) -> Path:
    tiny_dpt().save_pretrained(tmp_path / "tiny")  # type: ignore[operator]
    return tmp_path / "tiny"


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_loads_from_a_folder_and_answers_at_any_size(tmp_path: Path, family: str) -> None:
    build, kind, short_side, multiple = FAMILIES[family]
    model = build()
    model.save_pretrained(tmp_path / family)
    teacher = load_teacher(str(tmp_path / family))
    assert (teacher.info.name, teacher.info.kind) == (family, kind)
    assert (teacher.policy.short_side, teacher.policy.multiple) == (short_side, multiple)
    native = load_teacher(str(tmp_path / family), size="native")
    for height, width in ((64, 64), (64, 112), (81, 50)):
        answer = native(images(height, width, batch=2))
        assert answer.shape == (2, 1, height, width)
        assert torch.isfinite(answer).all() and answer.std() > 1e-4
    # DPT's own forward takes squares only, unless its features come from a backbone of another family
    shown = images(64, 64) if build in (tiny_dpt, tiny_hybrid) else images(4 * multiple, 6 * multiple)
    with torch.no_grad():
        expected = model(native.policy.prepare(shown)).predicted_depth[:, None]
    expected = torch.nn.functional.interpolate(expected, size=shown.shape[-2:], mode="bilinear")
    torch.testing.assert_close(native(shown), expected)


THIRDS = {"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}
BYTES = {"image_mean": [25.5, 51, 76.5], "image_std": [255, 255, 255]}


@pytest.mark.parametrize(
    ("said", "short_side", "mean"),
    [
        ({"size": {"height": 512, "width": 640}, **THIRDS}, 512, (0.1, 0.2, 0.3)),
        ({"size": 400}, 400, HALF),
        ({"size": {"shortest_edge": 300}, "do_normalize": False, **THIRDS}, 300, HALF),
        ({"do_rescale": False, **BYTES}, 384, (0.1, 0.2, 0.3)),
    ],
)
def test_the_published_preprocessing_is_used(
    dpt_folder: Path, said: dict[str, Any], short_side: int, mean: tuple[float, ...]
) -> None:
    (dpt_folder / "preprocessor_config.json").write_text(json.dumps(said))
    policy = load_teacher(str(dpt_folder)).policy
    assert policy.short_side == short_side
    assert policy.mean == pytest.approx(mean)


def test_depth_anything_is_normalised_as_imagenet(tmp_path: Path) -> None:
    tiny_depth_anything().save_pretrained(tmp_path)  # type: ignore[operator]
    assert load_teacher(str(tmp_path)).policy.mean == IMAGENET_MEAN


def test_half_precision_weights_are_computed_with_in_float32(dpt_folder: Path) -> None:
    full = load_teacher(str(dpt_folder), size="native")(images(64, 96))
    tiny_dpt().half().save_pretrained(dpt_folder)  # type: ignore[operator]
    teacher = load_teacher(str(dpt_folder), size="native")
    assert {parameter.dtype for parameter in teacher._network.parameters()} == {torch.float32}
    torch.testing.assert_close(teacher(images(64, 96)), full, rtol=0.05, atol=0.05)


def _edit(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    path = folder / "model.safetensors"
    state = safetensors.torch.load_file(path)
    change(state)
    safetensors.torch.save_file(state, path, metadata={"format": "pt"})


UNUSED = "neck.fusion_stage.layers.0.residual_layer1.convolution1.weight"


def test_unused_weights_may_be_absent(dpt_folder: Path) -> None:
    # the published Intel/dpt-large lacks them
    expected = load_teacher(str(dpt_folder), size="native")(images(64, 96))
    _edit(dpt_folder, lambda state: state.pop(UNUSED))
    assert torch.equal(load_teacher(str(dpt_folder), size="native")(images(64, 96)), expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("head.head.0.bias"), r"missing 1 \(head.head.0.bias\)"),
        (lambda state: state.update({"extra": torch.zeros(1)}), r"unexpected 1 \(extra\)"),
        (
            lambda state: state.update({"head.head.0.bias": torch.zeros(3)}),
            r"of another shape 1 \(head.head.0.bias \(3,\) for \(16,\)\)",
        ),
    ],
)
def test_weights_that_do_not_fit_the_config_are_refused(
    dpt_folder: Path, change: Callable[[dict[str, Tensor]], object], said: str
) -> None:
    _edit(dpt_folder, change)
    with pytest.raises(UserError, match=said) as error:
        load_teacher(str(dpt_folder))
    assert f"{dpt_folder}: expected the weights of the network in its config.json" in str(error.value)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "config.json: expected the JSON file"),
    "no json": (lambda folder: (folder / "config.json").write_text("{"), "config.json: expected the JSON file"),
    "json list": (lambda folder: (folder / "config.json").write_text("[]"), "expected a JSON object, found list"),
    "bert": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
        "family dpt, depth_anything, zoedepth, found model_type 'bert'",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "expected weights .* found none"),
    "page": (
        lambda folder: (folder / "model.safetensors").write_text("<html>"),
        "cannot be loaded as a depth network .* download the whole repository again",
    ),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_incomplete_and_foreign_folders_are_refused(dpt_folder: Path, damage: str) -> None:
    break_it, said = BROKEN[damage]
    break_it(dpt_folder)
    with pytest.raises(UserError, match=said) as error:
        load_teacher(str(dpt_folder))
    assert str(dpt_folder) in str(error.value)


def test_code_in_a_folder_is_not_run(dpt_folder: Path) -> None:
    config = json.loads((dpt_folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForDepthEstimation": "evil.Model"}
    (dpt_folder / "config.json").write_text(json.dumps(config))
    (dpt_folder / "evil.py").write_text(f"open({str(dpt_folder / 'ran')!r}, 'w')")
    load_teacher(str(dpt_folder))
    assert not (dpt_folder / "ran").exists()
