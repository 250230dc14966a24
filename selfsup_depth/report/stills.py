"""A point cloud as a picture, for where it cannot be turned: no WebGL, no viewer, paper."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.report.content import Cloud

WIDTH, HEIGHT = 640, 360
#: Where the picture is taken from, in median depths from the camera (right, up, back): aside, or it would be the image.
ASIDE, ABOVE, BEHIND = 0.45, 0.35, 0.3
FRAMED = 0.02  # the share of points that may be outside, at each border
NEAREST = 0.05  # median depths before the camera: nearer points would cover everything
CLOSED = 0.8  # half the width of a point, in distances of neighbours: surfaces seen from aside are stretched
LARGEST = 6  # pixels: half the width of a point, at most
PAPER = 255


def still_of(cloud: Cloud) -> NDArray[np.uint8]:
    """[HEIGHT, WIDTH, 3] the cloud from the right, above and behind its camera; nearer points hide farther ones."""
    depth = float(np.median(cloud.points[:, 2]))
    place = depth * np.array([ASIDE, -ABOVE, -BEHIND])
    seen = (cloud.points - place) @ _towards(np.array([0.0, 0.0, depth]) - place).T
    before = seen[:, 2] > NEAREST * depth
    seen, colours = seen[before], cloud.colours[before]
    if not len(seen):
        return np.full((HEIGHT, WIDTH, 3), PAPER, dtype=np.uint8)
    rays = seen[:, :2] / seen[:, 2:]
    corners = np.quantile(rays, (FRAMED, 1 - FRAMED), axis=0)
    focal = (np.array([WIDTH, HEIGHT]) / np.maximum(corners[1] - corners[0], 1e-3)).min()
    columns, rows = np.floor(focal * (rays - corners.mean(axis=0)) + np.array([WIDTH, HEIGHT]) / 2).astype(int).T
    # neighbours in the image are as far apart as they are deep
    spacing = cloud.spacing * cloud.points[before, 2] / depth
    reach = np.clip(np.ceil(CLOSED * focal * spacing / seen[:, 2]).astype(int), 0, LARGEST)
    picture = np.full((HEIGHT, WIDTH, 3), PAPER, dtype=np.uint8)
    nearest = np.full((HEIGHT, WIDTH), np.inf)
    order = np.argsort(-seen[:, 2], kind="stable")
    for down in range(-LARGEST, LARGEST + 1):
        for across in range(-LARGEST, LARGEST + 1):
            chosen = order[reach[order] >= max(abs(down), abs(across))]
            _paint(picture, nearest, rows[chosen] + down, columns[chosen] + across, seen[chosen, 2], colours[chosen])
    return picture


def _paint(
    picture: NDArray[np.uint8],
    nearest: NDArray[np.float64],
    rows: NDArray[np.int_],
    columns: NDArray[np.int_],
    distances: NDArray[np.floating],
    colours: NDArray[np.uint8],
) -> None:
    """One pixel of each point, given from far to near, where nothing nearer was painted."""
    inside = (rows >= 0) & (rows < HEIGHT) & (columns >= 0) & (columns < WIDTH)
    rows, columns, distances, colours = rows[inside], columns[inside], distances[inside], colours[inside]
    # of several points in a pixel the last, which is the nearest
    places, last = np.unique((rows * WIDTH + columns)[::-1], return_index=True)
    chosen = len(rows) - 1 - last
    better = distances[chosen] < nearest.flat[places]
    places, chosen = places[better], chosen[better]
    nearest.flat[places] = distances[chosen]
    picture.reshape(-1, 3)[places] = colours[chosen]


def _towards(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """[3, 3] rotation into a camera (x right, y down, z forward) that looks along `direction` without rolling."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(np.array([0.0, 1.0, 0.0]), forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
