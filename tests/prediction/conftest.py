"""A checkpoint whose depth is known, and pictures painted for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from painted_depth import HEIGHT, METHOD, WIDTH, PaintedDepth, painted, write_painted_checkpoint
from PIL import Image

import predict_depth
from selfsup_depth.methods import METHODS


@pytest.fixture(autouse=True)
def _painted_method(monkeypatch):
    monkeypatch.setitem(METHODS, METHOD, PaintedDepth)


@pytest.fixture
def weights(tmp_path) -> Path:
    return write_painted_checkpoint(tmp_path / "weights")


@pytest.fixture
def relative_weights(tmp_path) -> Path:
    return write_painted_checkpoint(tmp_path / "relative", metres_per_unit=None, scale_source="none: video alone")


@pytest.fixture
def predict(weights, tmp_path) -> Callable[..., int]:
    """predict_depth.py with that checkpoint into tmp_path / "out"; returns its status."""

    def run(image_path, *more, load=weights) -> int:
        words = ["--image_path", image_path, "--load_weights_folder", load, "--no_cuda", *more]
        if "--output_directory" not in words:
            words += ["--output_directory", tmp_path / "out"]
        return predict_depth.main([str(word) for word in words])

    return run


def save(path: Path, red, **options) -> Path:
    """A picture of one level of red, or of a map of levels."""
    levels = np.broadcast_to(np.asarray(red, dtype=np.uint8), (HEIGHT, WIDTH)) if np.ndim(red) == 0 else red
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(painted(levels)).save(path, **options)
    return path


@pytest.fixture
def ramp() -> np.ndarray:
    """Levels of red [48, 64], from far on the left to near on the right."""
    return np.tile(np.linspace(0, 255, WIDTH).round().astype(np.uint8), (HEIGHT, 1))


@pytest.fixture(name="save")
def save_fixture() -> Callable[..., Path]:
    return save
