"""The learnt focal length: what the data says at first, pulled to the true one by the images."""

from __future__ import annotations

import math

import pytest
import torch
from stereo_footage import BASELINE, FOCAL, HEIGHT, WIDTH, wall

from geometry.camera import intrinsics_matrix
from geometry.depth import depth_to_disp
from geometry.se3 import translation_transform
from selfsup_depth.config import LossConfig
from selfsup_depth.methods.photometric_objective import PhotometricObjective
from selfsup_depth.networks import LearntFocalLength
from selfsup_depth.structures import Batch, View

TRUE = intrinsics_matrix(FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)


def test_it_starts_with_what_the_data_says():
    given = torch.stack([TRUE, intrinsics_matrix(70.0, 50.0, 40.0, 30.0)])
    assert torch.equal(LearntFocalLength()(given), given)


def test_it_is_a_factor_of_both_focal_lengths():
    learnt = LearntFocalLength()
    with torch.no_grad():
        learnt.log_factor.fill_(math.log(2.0) / 10)
    expected = intrinsics_matrix(2 * FOCAL, 2 * FOCAL, WIDTH / 2, HEIGHT / 2)
    torch.testing.assert_close(learnt(TRUE[None])[0].detach(), expected)


def as_view(image, focal: float) -> View:
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return View(tensor, tensor, intrinsics_matrix(focal, focal, WIDTH / 2, HEIGHT / 2)[None])


@pytest.mark.parametrize("wrong", [0.8, 1.25])
def test_images_pull_a_wrong_focal_length_to_the_true_one(wrong):
    """True depth and motion are known here, so that the warp is right for the true focal length alone."""
    target, depth = wall(0.0, 0.0)
    steps = {-1: (-BASELINE, 0.3), 1: (BASELINE, -0.3)}  # where the camera went, metres right and forward
    sources = {frame: as_view(wall(x, z)[0], FOCAL * wrong) for frame, (x, z) in steps.items()}
    batch = Batch(as_view(target, FOCAL * wrong), sources)
    disp = depth_to_disp(torch.from_numpy(depth)[None, None], 0.1, 100.0)
    motions = {frame: translation_transform(torch.tensor([[-x, 0.0, -z]])) for frame, (x, z) in steps.items()}
    objective = PhotometricObjective(
        LossConfig(disable_automasking=True, disparity_smoothness=0.0), min_depth=0.1, max_depth=100.0
    )
    learnt = LearntFocalLength()
    optimizer = torch.optim.Adam(learnt.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.97)
    for _ in range(100):
        seen = Batch(
            View(batch.target.image, batch.target.image, learnt(batch.target.intrinsics)),
            {f: View(v.image, v.image, learnt(v.intrinsics)) for f, v in sources.items()},
        )
        loss = objective(seen, {0: disp}, lambda _: motions).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    found = learnt(batch.target.intrinsics)[0].detach()
    assert float(found[0, 0]) == pytest.approx(FOCAL, rel=0.01)
