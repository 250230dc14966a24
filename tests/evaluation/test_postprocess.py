from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from selfsup_depth.evaluation.postprocess import blend_flipped

GOLDEN = Path(__file__).parents[1] / "golden" / "selfsup_golden.json"


def test_golden_row():
    golden = json.loads(GOLDEN.read_text())["net_md2"]
    row = golden["postprocess l=linspace(.1,1,60).reshape(1,3,20) r=.5*l[::-1]+.2"]["row0"]
    direct = torch.linspace(0.1, 1, 60, dtype=torch.float64).reshape(1, 3, 20)
    mirrored = 0.5 * direct.flip(-1) + 0.2
    assert blend_flipped(direct, mirrored)[0, 0].tolist() == pytest.approx(row, abs=1e-12)


def test_left_border_from_the_mirrored_pass_and_right_border_from_the_direct_one():
    blended = blend_flipped(torch.full((2, 1, 4, 101), 1.0), torch.full((2, 1, 4, 101), 3.0))
    assert blended.shape == (2, 1, 4, 101) and blended.dtype == torch.float32
    assert torch.allclose(blended[..., :6], torch.tensor(3.0), atol=1e-5)
    assert torch.allclose(blended[..., -6:], torch.tensor(1.0), atol=1e-5)
    assert torch.allclose(blended[..., 10:-10], torch.tensor(2.0), atol=1e-5)


def test_equal_passes_stay_as_they_are():
    image = torch.rand(1, 1, 3, 64)
    assert torch.allclose(blend_flipped(image, image), image, atol=1e-6)
