"""How far a predicted trajectory is from the true one: per snippet, per distance, and over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from selfsup_depth.odometry.trajectory import Poses, steps_of

#: none: as predicted; scale: the factor of least squares, both starting at the origin; se3: moved and turned onto the
#: truth; sim3: also scaled (Umeyama 1991).
Alignment = Literal["none", "scale", "se3", "sim3"]
KITTI_LENGTHS_M = (100, 200, 300, 400, 500, 600, 700, 800)
KITTI_STEP = 10  # frames between the starts of sub-sequences
SNIPPET = 5


@dataclass(frozen=True)
class SnippetError:
    """ATE of all snippets of a sequence (Zhou et al. 2017), metres."""

    mean: float
    std: float
    count: int


def snippet_ate(predicted: Poses, truth: Poses, length: int = SNIPPET) -> SnippetError:
    """The published score: each snippet is moved to the truth's first point and scaled by least squares.

    As published, on purpose (spec A.15): the residual is divided by the number of points, not by its root (0.447 of
    the root mean square at five points); transforms are accumulated from the left of the snippet by
    right-multiplication; and the last snippets are shorter.

    Args:
        predicted, truth: [N, 4, 4] next_T_this of the N steps of a sequence.
    """
    errors = []
    for first in range(len(truth)):
        those = [walk(steps[first : first + length - 1]) for steps in (truth, predicted)]
        errors.append(published_ate(*those))
    return SnippetError(float(np.mean(errors)), float(np.std(errors)), len(errors))


def walk(steps: Poses) -> NDArray[np.float64]:
    """Positions along accumulated steps, the origin first."""
    pose, positions = np.eye(4), [np.zeros(3)]
    for step in steps:
        pose = pose @ step
        positions.append(pose[:3, 3])
    return np.stack(positions)


def published_ate(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Error of one snippet's positions [n, 3]."""
    moved = predicted + (truth[0] - predicted[0])
    squared = float((moved**2).sum())
    scale = float((truth * moved).sum()) / squared if squared > 0 else 1.0
    return float(np.sqrt(((moved * scale - truth) ** 2).sum()) / len(truth))


@dataclass(frozen=True)
class DriftError:
    """KITTI's odometry score: drift over sub-sequences of 100 to 800 metres (Geiger et al. 2012)."""

    translation_percent: float | None  # None: the trajectory is shorter than the shortest length
    rotation_deg_per_100m: float | None
    sub_sequences: int


def kitti_drift(
    predicted: Poses, truth: Poses, lengths_m: Sequence[float] = KITTI_LENGTHS_M, step: int = KITTI_STEP
) -> DriftError:
    """Mean drift over every sub-sequence of each length that starts at every `step`-th frame.

    Args:
        predicted, truth: [N, 4, 4] world_T_camera in metres.
    """
    travelled = np.concatenate([[0.0], np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).cumsum()])
    translation, rotation = [], []
    for first in range(0, len(truth), step):
        for length in lengths_m:
            beyond = np.flatnonzero(travelled > travelled[first] + length)
            if not len(beyond):
                continue
            last = beyond[0]
            true_motion = np.linalg.inv(truth[first]) @ truth[last]
            own_motion = np.linalg.inv(predicted[first]) @ predicted[last]
            error = np.linalg.inv(own_motion) @ true_motion
            translation.append(np.linalg.norm(error[:3, 3]) / length)
            rotation.append(Rotation.from_matrix(error[:3, :3]).magnitude() / length)
    if not translation:
        return DriftError(None, None, 0)
    return DriftError(
        100 * float(np.mean(translation)), 100 * float(np.degrees(np.mean(rotation))), len(translation)
    )


def aligned(predicted: Poses, truth: Poses, alignment: Alignment) -> Poses:
    """The predicted poses [N, 4, 4] after the named alignment; both begin in the frame of the truth's first camera."""
    moved = truth[0] @ np.linalg.inv(predicted[0]) @ predicted
    if alignment == "none":
        return moved
    if alignment == "scale":
        own, true = moved[:, :3, 3] - truth[0, :3, 3], truth[:, :3, 3] - truth[0, :3, 3]
        squared = float((own**2).sum())
        factor = float((own * true).sum()) / squared if squared > 0 else 1.0
        scaled = moved.copy()
        scaled[:, :3, 3] = truth[0, :3, 3] + factor * own
        return scaled
    rotation, translation, factor = umeyama(moved[:, :3, 3], truth[:, :3, 3], with_scale=alignment == "sim3")
    result = moved.copy()
    result[:, :3, :3] = rotation @ moved[:, :3, :3]
    result[:, :3, 3] = factor * moved[:, :3, 3] @ rotation.T + translation
    return result


def umeyama(
    source: NDArray[np.float64], target: NDArray[np.float64], *, with_scale: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Rotation R [3, 3], translation t [3] and factor s of least squares: target ~ s R source + t (Umeyama 1991)."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    own, true = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(true.T @ own / len(source))
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0])
    rotation = (u * signs) @ vt
    variance = (own**2).sum() / len(source)
    factor = float((singular * signs).sum() / variance) if with_scale and variance > 0 else 1.0
    return rotation, target_mean - factor * rotation @ source_mean, factor


def absolute_error(predicted: Poses, truth: Poses, alignment: Alignment) -> float:
    """Root mean square distance of the positions in metres after the named alignment (Sturm et al. 2012)."""
    difference = aligned(predicted, truth, alignment)[:, :3, 3] - truth[:, :3, 3]
    return float(np.sqrt((difference**2).sum(1).mean()))


def snippet_ate_of_poses(predicted: Poses, truth: Poses) -> SnippetError:
    """`snippet_ate` of trajectories [N, 4, 4] world_T_camera."""
    return snippet_ate(steps_of(predicted), steps_of(truth))
