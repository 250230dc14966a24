"""The page of examples: columns and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from selfsup_depth.report import pictures
from selfsup_depth.report.pictures import Example, save_examples

RAMP = np.linspace(7.5, 8.0, 64 * 96, dtype=np.float32).reshape(64, 96)  # an untrained network: nearly constant


def example(depth: np.ndarray = RAMP, truth: np.ndarray | None = None) -> Example:
    return Example("street", torch.ones(3, 64, 96), depth, truth)


def page(path: Path, *examples: Example, max_depth: float | None = None) -> np.ndarray:
    save_examples(path, examples, ("metres", "metres"), max_depth)
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were made."""
    figures: list[Figure] = []

    def remember(*args: object, **options: object) -> Figure:
        figures.append(Figure(*args, **options))
        return figures[-1]

    monkeypatch.setattr(pictures, "Figure", remember)
    return figures


def limits(figure: Figure) -> list[tuple[float, float]]:
    """Of predicted and true depth."""
    images = [axis.images[0] for axis in figure.axes if axis.get_title().startswith(("predicted", "true"))]
    return [image.get_clim() for image in images]


def test_without_truth_the_page_has_two_columns(tmp_path):
    both = page(tmp_path / "both.png", example(truth=RAMP), example())
    alone = page(tmp_path / "alone.png", example(), example())
    assert alone.shape[0] == both.shape[0] and alone.shape[1] == both.shape[1] // 2
    right = alone[:, alone.shape[1] // 2 :]
    assert (right < 250).any(axis=2).mean() > 0.3  # something is drawn there


def test_a_nearly_constant_prediction_is_not_black(tmp_path, drawn):
    pixels = page(tmp_path / "early.png", example())
    assert (pixels.max(axis=2) < 40).mean() < 0.1
    (found,) = limits(drawn[0])
    assert found == pytest.approx((7.51, 7.99), abs=1e-3)


def test_prediction_and_truth_share_a_range_that_holds_both(tmp_path, drawn):
    truth = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(64, 96)
    page(tmp_path / "shared.png", example(truth=truth), max_depth=50.0)
    first, second = limits(drawn[0])
    assert first == second == pytest.approx((1.0, 49.0), abs=0.05)
    page(tmp_path / "far.png", example(depth=RAMP * 20, truth=truth), max_depth=50.0)
    assert limits(drawn[1])[0] == pytest.approx((1.0, 50.0), abs=0.05)


def test_pictures_without_any_number_are_drawn_all_the_same(tmp_path, drawn):
    page(tmp_path / "nan.png", example(depth=np.full((64, 96), np.nan, np.float32)))
    assert limits(drawn[0]) == [(0.0, 1.0)]
