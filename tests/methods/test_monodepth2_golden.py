"""The whole objective against the reference losses (A.8), through the code that training runs."""

from __future__ import annotations

import pytest
import torch
from golden_inputs import load_golden, loss_batch

from geometry.se3 import rigid_transform
from selfsup_depth.config import LossConfig
from selfsup_depth.methods.photometric_objective import PhotometricObjective
from selfsup_depth.structures import Batch, View

GOLDEN = load_golden()["loss_md2"]
CASES = {
    "M": ((-1, 1), {}),
    "S": (("s",), {}),
    "MS": ((-1, 1, "s"), {}),
    "M avg_reprojection": ((-1, 1), {"avg_reprojection": True}),
    "M disable_automasking": ((-1, 1), {"disable_automasking": True}),
    "M v1_multiscale": ((-1, 1), {"v1_multiscale": True}),
    "M no_ssim": ((-1, 1), {"no_ssim": True}),
    "M baseline (v1_multiscale+avg+no automask)": (
        (-1, 1), {"v1_multiscale": True, "avg_reprojection": True, "disable_automasking": True},
    ),
    "M predictive_mask": ((-1, 1), {"predictive_mask": True, "disable_automasking": True}),
}  # fmt: skip


def run_case(sources, options):
    golden = loss_batch()
    views = {
        frame: View(images[0], images[0], golden.intrinsics[0]) for frame, images in golden.images.items()
    }
    frame_of = {id(view): frame for frame, view in views.items()}

    def pyramid(view: View, scale: int) -> View:  # the reference images of each scale are not pooled ones
        image = golden.images[frame_of[id(view)]][scale]
        return View(image, image, golden.intrinsics[scale])

    settings = LossConfig(out_of_view="border", **options)
    objective = PhotometricObjective(
        settings, min_depth=golden.min_depth, max_depth=golden.max_depth, pyramid=pyramid
    )
    transforms = {
        frame: golden.stereo_T_target
        if frame == "s"
        else rigid_transform(golden.axis_angle[frame], golden.translation[frame], invert=golden.inverted[frame])
        for frame in sources
    }
    batch = Batch(views[0], {frame: views[frame] for frame in sources}, golden.stereo_T_target)
    masks = dict(enumerate(golden.predictive_masks)) if settings.predictive_mask else None
    disps = dict(enumerate(golden.disparities))
    return objective(batch, disps, lambda depth: transforms, masks, tie_break=0.0)


@pytest.mark.parametrize("name", CASES)
def test_losses_are_the_reference_losses(name):
    losses = run_case(*CASES[name])
    expected = GOLDEN[name]
    for scale in range(4):
        terms = [value for term, value in losses.terms.items() if term.endswith(f"/{scale}")]
        assert 4 * float(sum(terms)) == pytest.approx(expected[f"loss/{scale}"], rel=1e-4)
    assert float(losses.total) == pytest.approx(expected["loss"], rel=1e-4)
    if "identity_selection/0 mean" in expected:
        warped_share = 1 - float(losses.health["auto_masked"])
        assert warped_share == pytest.approx(expected["identity_selection/0 mean"], rel=1e-4)


def test_every_reference_case_is_covered():
    assert set(CASES) == set(GOLDEN)


def test_tie_break_is_seeded_and_small():
    golden = loss_batch()
    view = View(golden.images[0][0], golden.images[0][0], golden.intrinsics[0])
    batch = Batch(view, {-1: View(golden.images[-1][0], golden.images[-1][0], golden.intrinsics[0])})
    objective = PhotometricObjective(LossConfig(), min_depth=0.1, max_depth=100)
    disps = dict(enumerate(golden.disparities))
    transforms = {-1: torch.eye(4).repeat(2, 1, 1)}  # no motion: warped and unwarped tie everywhere

    def run(seed):
        return objective(batch, disps, lambda depth: transforms, generator=torch.Generator().manual_seed(seed))

    assert run(1).total == run(1).total
    assert run(1).total != run(2).total
    assert 0.4 < float(run(1).health["auto_masked"]) < 0.6  # ties favour neither side
