"""Clouds as pictures: seen from the right and above, upright, framed, and with the near before the far."""

from __future__ import annotations

import numpy as np
import pytest

from selfsup_depth.report.content import Cloud
from selfsup_depth.report.stills import HEIGHT, WIDTH, still_of
from tests.report.small_report import cloud

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def wall(depth: float, colour: tuple[int, int, int], half: float = 1.0, middle: tuple[float, float] = (0, 0)) -> Cloud:
    """A square before the camera."""
    x, y = (side.ravel() for side in np.meshgrid(*[np.linspace(-half, half, 80)] * 2))
    points = np.stack([x + middle[0], y + middle[1], np.full_like(x, depth)], axis=1).astype(np.float32)
    return Cloud("street 1 l", "prediction", points, np.full((len(x), 3), colour, np.uint8), 2 * half / 80)


def together(*walls: Cloud) -> Cloud:
    points, colours = (np.concatenate([getattr(one, name) for one in walls]) for name in ("points", "colours"))
    return Cloud("street 1 l", "prediction", points, colours, max(one.spacing for one in walls))


def place(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Mean column and row."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return np.array([columns.mean(), rows.mean()])


def test_upright_and_not_mirrored():
    parts = [wall(4.0, RED, 0.3), wall(4.0, GREEN, 0.3, (1.5, 0)), wall(4.0, BLUE, 0.3, (0, 1.5))]
    picture = still_of(together(*parts))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    right, down = place(picture, GREEN) - place(picture, RED), place(picture, BLUE) - place(picture, RED)
    assert right[0] > 3 * abs(right[1]) and down[1] > 3 * abs(down[0])


def test_it_is_seen_from_the_right_and_above():
    """So a near wall stands left of and below the far one that the camera sees behind it."""
    near, far = wall(3.0, RED, 0.3), wall(5.0, BLUE, 0.5)
    picture = still_of(together(near, far))
    beside, below = place(picture, RED) - place(picture, BLUE)
    assert beside < 0 and below > 0


@pytest.mark.parametrize("order", [1, -1])
def test_the_near_hides_the_far(order):
    walls = [wall(4.0, RED, 1.2), wall(4.4, BLUE, 0.4)]
    picture = still_of(together(*walls[::order]))
    assert (picture == RED).all(axis=2).mean() > 0.2 and not (picture == BLUE).all(axis=2).any()


def test_surfaces_are_closed_and_fill_the_picture_at_any_scale():
    for scale in (0.01, 1.0, 300.0):
        one = wall(4.0 * scale, RED, 1.0 * scale)
        picture = still_of(one)
        painted = (picture == RED).all(axis=2)
        rows, columns = np.nonzero(painted)
        inner = painted[:, (columns.min() + columns.max()) // 2]
        assert inner.mean() > 0.9 and np.ptp(rows) > 0.9 * HEIGHT and len(rows) > 0.2 * WIDTH * HEIGHT


def test_what_is_behind_the_eye_is_left_out():
    assert (still_of(Cloud("a", "b", np.array([[0, 0, 1.0]]), np.array([RED], np.uint8), 0.1)) == RED).all(axis=2).any()
    aside = Cloud("a", "b", np.array([[100.0, 0, 1]]), np.array([RED], np.uint8), 0.1)
    assert (still_of(aside) == 255).all()
    points = np.concatenate([wall(4.0, RED).points, [[0.0, 0.0, -50.0]]]).astype(np.float32)
    colours = np.concatenate([wall(4.0, RED).colours, [BLUE]]).astype(np.uint8)
    assert not (still_of(Cloud("a", "b", points, colours, 0.025)) == BLUE).all(axis=2).any()
    assert len(np.unique(still_of(cloud("prediction")).reshape(-1, 3), axis=0)) > 1000
