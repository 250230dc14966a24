"""Points are found where they went, and not where there is nothing to find."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from recording import drive

from selfsup_depth.preflight.matching import find_points, match


def grey(image) -> torch.Tensor:
    return torch.from_numpy(image).float().mean(-1) / 255


@pytest.fixture(scope="module")
def street() -> torch.Tensor:
    return grey(drive().left[0])


@pytest.mark.parametrize(("right", "down"), [(0, 0), (7, 0), (-40, 3), (90, -20)])
def test_a_shift_is_found_however_large(street, right, down):
    moved = torch.roll(street, (down, right), (0, 1))
    matches = match(street, moved)
    assert matches.share > 0.5
    size = torch.tensor([street.shape[1], street.shape[0]])  # what leaves on one side has come back on the other
    off = ((matches.flow - torch.tensor([right, down]) + size / 2) % size - size / 2).norm(dim=1)
    assert float(off.median()) < 0.1  # of a pixel: correlation is no parabola in so rough a texture
    assert float((off < 0.3).float().mean()) > 0.97


def test_a_shift_by_part_of_a_pixel_is_found():
    large = F.interpolate(grey(drive().left[0])[None, None], scale_factor=4, mode="bicubic")[0, 0]
    whole, quarter = F.avg_pool2d(large[None, None], 4)[0, 0], F.avg_pool2d(large.roll(1, 1)[None, None], 4)[0, 0]
    flow = match(whole, quarter).flow
    assert flow.median(0).values.tolist() == pytest.approx([0.25, 0.0], abs=0.05)


def test_pixels_are_counted_from_the_corner(street):
    points = find_points(street)
    matches = match(street, street, points)
    torch.testing.assert_close(matches.points, points + 0.5)
    torch.testing.assert_close(matches.found[matches.valid], matches.points[matches.valid], atol=0.2, rtol=0)


def test_points_spread_over_the_picture(street):
    points = find_points(street)
    halves = points[:, 0] < street.shape[1] / 2
    assert len(points) > 60 and 0.3 < halves.float().mean() < 0.7
    assert len({(int(x) // 16, int(y) // 16) for x, y in points}) == len(points)


def test_brightness_and_contrast_do_not_matter(street):
    assert match(street, 0.5 * street + 0.3).share > 0.9 * match(street, street).share


def test_other_pictures_have_hardly_a_match(street):
    assert match(street, street.flip(1)).share < 0.12
    assert match(street, torch.rand(street.shape, generator=torch.Generator().manual_seed(0))).share < 0.05


def test_repeated_texture_is_left_alone():
    stripes = (torch.arange(200) % 16 < 8).float().expand(80, 200).contiguous()
    checks = (stripes + stripes[0, :80, None]) / 2
    assert match(checks, checks).share < 0.1


def test_nothing_is_found_where_there_is_no_texture_or_no_room(street):
    flat = torch.full((60, 80), 0.5)
    assert len(match(flat, flat).valid) == 0 and match(flat, flat).share == 0.0
    assert match(street, street[:10, :10]).count == 0
    assert len(find_points(torch.rand(4, 5))) == 0
