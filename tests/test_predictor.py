"""DepthPredictor refuses images that would give wrong metres without a word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from selfsup_depth import __version__
from selfsup_depth import predictor as predictor_file
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS
from selfsup_depth.predictor import DepthPredictor, depth_only_request

GOOD = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def predictor() -> DepthPredictor:
    meta = CheckpointMeta(
        library_version=__version__, method="monodepth2", encoder="mobilenetv3_small_050", upsample="nearest",
        scales=(0,), height=64, width=96, min_depth=0.1, max_depth=100.0, metres_per_unit=5.4, scale_source="a test",
        frame_ids=(0,),
    )  # fmt: skip
    torch.manual_seed(0)
    return DepthPredictor(METHODS[meta.method](depth_only_request(meta)), meta, torch.device("cpu"))


def changed(value: float) -> torch.Tensor:
    images = GOOD.clone()
    images[1, 2, 3, 4] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((GOOD * 255).byte(), r"found torch.uint8: use images.float\(\) / 255 for bytes"),
        (GOOD.int(), "found torch.int32"),
        (GOOD * 255, r"found values from .* to 25\d.*: use images / 255\."),
        ((GOOD - 0.45) / 0.225, r"found values from -2 to .*: undo a normalisation, or use images.clamp"),
        (changed(1.01), r"found values from .* to 1.01: undo a normalisation, or use images.clamp"),
        (changed(float("nan")), "found values that are not finite"),
        (changed(float("inf")), "found values that are not finite"),
        (GOOD[0], r"found shape \[3, 64, 96\]: images\[None\] makes a batch"),
        (GOOD[:, :1], r"found shape \[2, 1, 64, 96\]: images.expand\(-1, 3, -1, -1\) makes grey RGB"),
        (torch.cat([GOOD, GOOD[:, :1]], 1), r"found shape \[2, 4, 64, 96\]: images\[:, :3\] drops alpha"),
        (GOOD.permute(0, 2, 3, 1), r"found shape \[2, 64, 96, 3\]: check its dimensions"),
        (GOOD[:0], r"found shape \[0, 3, 64, 96\]: check its dimensions"),
        (GOOD.permute(0, 2, 3, 1).numpy(), "found a ndarray: .*torch.from_numpy"),
        (np.zeros((64, 96, 3), np.uint8), "found a ndarray: .*torch.from_numpy"),
    ],
    ids=["bytes", "integers", "0..255", "normalised", "above", "nan", "inf", "single", "grey", "alpha", "last", "none",
         "array", "byte array"],
)  # fmt: skip
def test_what_is_no_batch_of_rgb_in_0_to_1_is_refused_in_words(images, message, predictor):
    for predict in (predictor.predict, predictor.predict_full_size):
        with pytest.raises(UserError, match=r"float tensor \[B, 3, H, W\] of RGB values in \[0, 1\]; " + message):
            predict(images)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_floats_and_rounding_are_taken(dtype, predictor):
    expected = predictor.predict_full_size(GOOD).depth
    torch.testing.assert_close(predictor.predict_full_size(GOOD.to(dtype)).depth, expected, rtol=0.02, atol=0)
    assert predictor.predict(changed(1.0 + 1e-6)).depth.isfinite().all()
    assert predictor.predict(torch.zeros(1, 3, 64, 96)).depth.isfinite().all()


def test_the_method_itself_is_not_slowed_by_checks(predictor):
    with torch.inference_mode():
        assert predictor.method.predict(GOOD * 255).depth.shape == (2, 1, 64, 96)


def test_a_cpu_takes_large_batches_in_parts_that_stay_in_its_cache(predictor, monkeypatch):
    images = torch.rand(5, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    seen = []
    network = predictor.method.predict
    monkeypatch.setattr(predictor.method, "predict", lambda part: seen.append(part) or network(part))
    whole = predictor.predict(images).depth
    assert [len(part) for part in seen] == [5]
    for pixels, parts in ((2 * 64 * 96, [2, 2, 1]), (64 * 96 - 1, [1] * 5)):
        monkeypatch.setattr(predictor_file, "PIXELS_AT_ONCE_ON_A_CPU", pixels)
        seen.clear()
        torch.testing.assert_close(predictor.predict(images).depth, whole, rtol=1e-5, atol=0)
        assert [len(part) for part in seen] == parts
    assert all(part.is_contiguous(memory_format=torch.channels_last) for part in seen)


def test_weights_lie_as_convolutions_like_them(predictor):
    weights = [value for value in predictor.method.state_dict().values() if value.ndim == 4]
    assert weights and all(value.is_contiguous(memory_format=torch.channels_last) for value in weights)


def test_one_image_alone_and_in_a_batch_have_the_same_depth(predictor):
    batch = predictor.predict_full_size(GOOD).depth
    for number in range(2):
        one = predictor.predict_full_size(GOOD[number : number + 1]).depth
        torch.testing.assert_close(one[0], batch[number], rtol=1e-5, atol=0)
