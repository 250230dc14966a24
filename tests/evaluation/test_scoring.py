from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.metrics import depth_scores
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.scoring import depth_at_size, resize_inverse_depth, score_image

EIGEN, BUILTIN, SIMSIN = PROTOCOLS["eigen"], PROTOCOLS["builtin"], PROTOCOLS["simsin"]
METRIC = ScoringMode(align=False)
UP_TO_SCALE = ScoringMode(align=True, metric=False, scale_source="the checkpoint is up to scale")


def inverse(depth: NDArray) -> torch.Tensor:
    return torch.from_numpy(1.0 / depth.astype(np.float32))[None]


def test_resize_is_bilinear_between_pixel_centres():
    # Width 2 -> 4: centres lie at -0.25, 0.25, 0.75, 1.25 of the old grid; the outer two are clamped (cv2.resize).
    row = torch.tensor([[[0.0, 1.0]]])
    assert resize_inverse_depth(row, 1, 4).tolist() == [[[0.0, 0.25, 0.75, 1.0]]]
    # Shrinking 4 -> 2 takes the two pixels around each centre (0.5, 2.5), no smoothing over more.
    assert resize_inverse_depth(torch.tensor([[[0.0, 1.0, 10.0, 30.0]]]), 1, 2).tolist() == [[[0.5, 20.0]]]
    # 6 -> 2: centres 1.0 and 4.0 fall on pixels; an antialiasing filter would mix their neighbours in.
    assert resize_inverse_depth(torch.arange(6.0)[None, None] ** 2, 1, 2).tolist() == [[[1.0, 16.0]]]
    column = torch.tensor([[[0.0], [1.0]]])
    assert resize_inverse_depth(column, 4, 1)[0, :, 0].tolist() == [0.0, 0.25, 0.75, 1.0]


def test_inverse_depth_is_resized_and_not_depth():
    # Between 1 m and 3 m: the mean of 1 and 1/3 is 2/3, so 1.5 m; resizing depth would give 2 m.
    truth = np.full((1, 3), 1.5)
    row = score_image(torch.tensor([[[1.0, 1 / 3]]]), np.where([[False, True, False]], truth, 0), "x", BUILTIN, METRIC)
    assert row.valid_pixels == 1 and row.unaligned is not None
    assert row.unaligned.abs_rel == pytest.approx(0, abs=1e-6)


def test_exact_depth_scores_zero():
    depth = np.random.default_rng(0).uniform(2, 70, (375, 1242)).astype(np.float32)
    row = score_image(inverse(depth), depth, "x", EIGEN, METRIC)
    assert row.unaligned is not None and row.aligned is not None
    assert row.unaligned.abs_rel == pytest.approx(0, abs=1e-6) and row.unaligned.a1 == 1
    assert row.ratio == pytest.approx(1, abs=1e-6)
    assert row.valid_pixels == (371 - 153) * (1197 - 44)


def test_twice_too_far_is_mended_by_alignment_alone():
    depth = np.random.default_rng(1).uniform(1, 39, (100, 200)).astype(np.float32)
    row = score_image(inverse(2 * depth), depth, "x", EIGEN, METRIC)
    assert row.aligned is not None and row.unaligned is not None
    assert row.ratio == pytest.approx(0.5)
    assert row.aligned.abs_rel == pytest.approx(0, abs=1e-6)
    assert row.unaligned.abs_rel == pytest.approx(1, abs=1e-5)
    assert (row.unaligned.a2, row.unaligned.a3) == (0, 0)  # 2 > 1.25^3 = 1.953


def test_scale_factor_comes_before_the_clamp_and_the_ratio():
    depth = np.full((10, 10), 54.0)
    mode = ScoringMode(align=False, scale_factor=5.4)
    row = score_image(inverse(np.full((10, 10), 10.0)), depth, "x", BUILTIN, mode)
    assert row.unaligned is not None and row.unaligned.abs_rel == pytest.approx(0, abs=1e-6)
    assert row.ratio == pytest.approx(1)
    # 20 units are 108 m: clamped to 80 m, not 20 units clamped and then scaled.
    far = score_image(inverse(np.full((10, 10), 20.0)), depth, "x", BUILTIN, mode)
    assert far.unaligned is not None and far.unaligned.rmse == pytest.approx(26.0, abs=1e-3)


def test_clamp_comes_after_the_median_ratio():
    # Predictions of 100 and 200 m for 40 and 80-: the ratio 0.4 is taken before anything is cut at 80 m.
    truth = np.array([[40.0, 40.0, 79.0]])
    row = score_image(inverse(np.array([[100.0, 100.0, 500.0]])), truth, "x", BUILTIN, METRIC)
    assert row.aligned is not None and row.ratio == pytest.approx(0.4)
    expected = depth_scores(truth[0], np.array([40.0, 40.0, 80.0]))
    assert astuple(row.aligned) == pytest.approx(astuple(expected), rel=1e-5)
    # Un-aligned: all three are cut to 80 m.
    assert row.unaligned is not None
    assert astuple(row.unaligned) == pytest.approx(astuple(depth_scores(truth[0], np.full(3, 80.0))), rel=1e-6)


def test_near_predictions_are_clamped_from_below():
    row = score_image(inverse(np.full((1, 4), 1e-5)), np.full((1, 4), 2.0), "x", BUILTIN, METRIC)
    assert row.unaligned is not None and row.unaligned.rmse == pytest.approx(2.0 - 1e-3)


def test_infinitely_far_predictions_become_the_cap():
    row = score_image(torch.zeros(1, 4, 4), np.full((4, 4), 40.0), "x", BUILTIN, METRIC)
    assert row.unaligned is not None and row.unaligned.abs_rel == pytest.approx(1.0)


def test_median_is_over_valid_pixels_only():
    truth = np.zeros((1, 6))
    truth[0, :2] = [4.0, 8.0]
    row = score_image(inverse(np.array([[2.0, 4.0, 70.0, 70.0, 70.0, 70.0]])), truth, "x", BUILTIN, METRIC)
    assert row.valid_pixels == 2 and row.ratio == pytest.approx(2.0)


def test_up_to_scale_predictions_have_no_unaligned_scores():
    depth = np.full((5, 5), 7.0)
    row = score_image(inverse(depth), depth, "x", BUILTIN, UP_TO_SCALE)
    assert row.unaligned is None and row.aligned is not None


@pytest.mark.parametrize("truth", [None, np.zeros((4, 4)), np.full((4, 4), 90.0), np.full((4, 4), np.nan)])
def test_images_without_valid_truth_are_rows_without_scores(truth):
    row = score_image(torch.ones(1, 4, 4), truth, "x", BUILTIN, METRIC)
    assert not row.scored and row.valid_pixels == 0 and row.aligned is row.unaligned is row.ratio is None


def test_published_order_on_an_independent_calculation():
    """The whole chain against a second writing of it, at different sizes, in plain loops over numpy."""
    rng = np.random.default_rng(2)
    disparity = rng.uniform(0.01, 0.3, (6, 9)).astype(np.float32)
    truth = rng.uniform(1, 90, (30, 50)).astype(np.float32) * (rng.random((30, 50)) < 0.5)
    big = np.empty((30, 50))
    for y in range(30):
        for x in range(50):
            v, u = np.clip((y + 0.5) * 6 / 30 - 0.5, 0, 5), np.clip((x + 0.5) * 9 / 50 - 0.5, 0, 8)
            v0, u0 = min(int(v), 4), min(int(u), 7)
            fv, fu = v - v0, u - u0
            top = disparity[v0, u0] * (1 - fu) + disparity[v0, u0 + 1] * fu
            bottom = disparity[v0 + 1, u0] * (1 - fu) + disparity[v0 + 1, u0 + 1] * fu
            big[y, x] = top * (1 - fv) + bottom * fv
    inside = np.zeros((30, 50), dtype=bool)
    inside[int(0.40810811 * 30) : int(0.99189189 * 30), int(0.03594771 * 50) : int(0.96405229 * 50)] = True
    mask = (truth > 1e-3) & (truth < 80) & inside
    prediction = 5.4 / big[mask]
    prediction *= np.median(truth[mask]) / np.median(prediction)
    expected = depth_scores(truth[mask], np.clip(prediction, 1e-3, 80))
    row = score_image(torch.from_numpy(disparity)[None], truth, "x", EIGEN, ScoringMode(True, 5.4))
    assert row.aligned is not None
    assert astuple(row.aligned) == pytest.approx(astuple(expected), rel=1e-5)


# ------------------------------------------------------------------ DistDepth's protocols


def test_distdepth_resizes_depth_and_not_its_inverse():
    # Between 1 m and 3 m with corners on corners: 1, 2, 3 m at three pixels; the inverse would give 1.5 m.
    truth = np.array([[0.0, 2.0, 0.0]])
    row = score_image(torch.tensor([[[1.0, 1 / 3]]]), truth, "x", replace(SIMSIN, align_corners=True), METRIC)
    assert row.unaligned is not None and row.unaligned.mae == pytest.approx(0, abs=1e-6)
    by_inverse = score_image(torch.tensor([[[1.0, 1 / 3]]]), truth, "x", PROTOCOLS["indoor"], METRIC)
    assert by_inverse.unaligned is not None and by_inverse.unaligned.mae == pytest.approx(0.5)


def test_aligned_corners_put_first_on_first_and_last_on_last():
    depth = torch.tensor([[[1.0, 5.0]]])
    # 2 -> 5 pixels: 1, 2, 3, 4, 5 between the corners; half-pixel centres give 1, 1.4, 3, 4.6, 5.
    for protocol, expected in ((PROTOCOLS["va"], [1, 2, 3, 4, 5]), (SIMSIN, [1, 1.4, 3, 4.6, 5])):
        assert depth_at_size(1 / depth, (1, 5), protocol)[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_lower_median_of_an_even_count():
    truth = np.array([[2.0, 4.0]])
    flat = inverse(np.array([[1.0, 1.0]]))
    assert score_image(flat, truth, "x", SIMSIN, METRIC).ratio == pytest.approx(2.0)  # torch.median: 2
    assert score_image(flat, truth, "x", PROTOCOLS["indoor"], METRIC).ratio == pytest.approx(3.0)  # numpy: 3


def test_distdepths_order_on_an_independent_calculation():
    """Depth resized with aligned corners, mask, torch.median, clamp, metrics, written again with torch alone."""
    generator = torch.Generator().manual_seed(5)
    predicted = 0.5 + 12 * torch.rand(1, 16, 16, generator=generator)
    truth = 12 * torch.rand(640, 640, generator=generator)
    truth[::7] = 0
    big = torch.nn.functional.interpolate(predicted[None], (640, 640), mode="bilinear", align_corners=True)[0, 0]
    mask = (truth > 0.01) & (truth <= 10)
    g, p = truth[mask].double(), big[mask].double()
    p = (p * (g.median() / p.median())).clamp(1e-3, 10)
    ratio = torch.maximum(g / p, p / g)
    expected = [
        (g - p).abs().mean(), ((g - p).abs() / g).mean(), ((g - p) ** 2 / g).mean(), ((g - p) ** 2).mean().sqrt(),
        ((g.log() - p.log()) ** 2).mean().sqrt(), *((ratio < 1.25**k).double().mean() for k in (1, 2, 3)),
    ]  # fmt: skip
    row = score_image(1 / predicted, truth.numpy(), "x", PROTOCOLS["va"], ScoringMode(align=True))
    assert row.aligned is not None and row.valid_pixels == int(mask.sum())
    found = [getattr(row.aligned, name) for name in PROTOCOLS["va"].columns]
    assert found == pytest.approx([float(value) for value in expected], rel=1e-5)


def test_nyuv2_compares_with_the_centre_of_whole_maps():
    rows, columns = np.mgrid[:480, :640]
    whole = (1 + rows / 100 + columns / 1000).astype(np.float32)
    exact = inverse(whole[16:464, 16:624])  # of the image that the data set shows
    for truth in (whole, whole[16:464, 16:624]):
        row = score_image(exact, truth, "x", PROTOCOLS["nyuv2"], METRIC)
        assert row.valid_pixels == 448 * 608
        assert row.unaligned is not None and row.unaligned.mae == pytest.approx(0, abs=1e-5)


def test_a_protocols_size_is_checked_before_anything_is_scored():
    with pytest.raises(UserError, match="protocol va is defined on 640x640"):
        score_image(torch.ones(1, 4, 4), np.ones((4, 4)), "x", PROTOCOLS["va"], METRIC)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"expected inverse depth \[1, h, w\]"):
        score_image(torch.ones(4, 4), np.ones((4, 4)), "x", BUILTIN, METRIC)
    with pytest.raises(ValueError, match=r"ground truth \[H, W\]"):
        score_image(torch.ones(1, 4, 4), np.ones((1, 4, 4)), "x", BUILTIN, METRIC)
