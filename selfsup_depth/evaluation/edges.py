"""Where depth jumps, and on which side of a plane things are seen (IBIMS-1: Koch et al., ECCV Workshops 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt
from skimage.feature import canny

from selfsup_depth.errors import UserError

SIGMA = 1.0  #: of Canny's Gaussian, pixels
#: Canny's thresholds on the Sobel gradient of log depth (scikit-image's defaults): 0.2 is a jump by about 8 %.
LOW, HIGH = 0.1, 0.2
RADIUS = 10.0  #: pixels; a predicted edge farther from every true one is of something else
#: Of the valid pixels of dense ground truth, at least this share have nothing but valid neighbours.
DENSE = 0.5

FloatMap = NDArray[np.floating]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class EdgeScores:
    """How well depth boundaries are placed, in pixels; smaller is better."""

    accuracy: float  #: mean distance of predicted edge pixels, of those within RADIUS, to the nearest true one
    completeness: float  #: mean distance of true edge pixels to the nearest predicted one, however far
    predicted_pixels: int  #: 0: no edge at all is predicted, and both are RADIUS by definition


@dataclass(frozen=True)
class DirectedScores:
    """On which side of a plane at one distance pixels are seen, per cent of the valid ones."""

    correct: float
    too_near: float  #: truth is beyond the plane, the prediction before it
    too_far: float  #: truth is before the plane, the prediction beyond it


def depth_edges(depth: FloatMap, valid: Mask) -> Mask:
    """[H, W] bool: Canny on the logarithm of depth [H, W], where no neighbour is invalid or outside the image.

    On the logarithm a scale factor changes nothing.
    """
    logarithm = np.zeros(depth.shape, dtype=np.float64)
    logarithm[valid] = np.log(depth[valid])
    return canny(logarithm, sigma=SIGMA, low_threshold=LOW, high_threshold=HIGH, mask=valid)


def edge_scores(prediction: FloatMap, truth: FloatMap, valid: Mask) -> EdgeScores | None:
    """Compares the depth edges of a prediction with those of dense ground truth.

    IBIMS-1's edge accuracy and completeness, in the form of Spencer et al. ("Deconstructing Self-Supervised
    Monocular Reconstruction", TMLR 2022): distances by the Euclidean distance transform, completeness not cut at
    RADIUS. A prediction without any edge has RADIUS for both by their definition; it is flatter, not better.

    Args:
        prediction, truth: [H, W] depths > 0 where valid, in any one unit each.
        valid: [H, W] pixels at which both are known.

    Returns:
        None when the truth has no edge: there is nothing to find.

    Raises:
        UserError: if the ground truth is too sparse to show edges.
    """
    sparse = why_sparse(valid)
    if sparse:
        raise UserError(sparse)
    true_edges, predicted = depth_edges(truth, valid), depth_edges(prediction, valid)
    if not true_edges.any():
        return None
    count = int(predicted.sum())
    if count == 0:
        return EdgeScores(RADIUS, RADIUS, 0)
    distances = distance_transform_edt(~true_edges)[predicted]
    near = distances[distances <= RADIUS]
    return EdgeScores(
        accuracy=float(near.mean()) if near.size else RADIUS,
        completeness=float(distance_transform_edt(~predicted)[true_edges].mean()),
        predicted_pixels=count,
    )


def why_sparse(valid: Mask) -> str | None:
    """A sentence when so few valid pixels [H, W] touch that there is no telling where edges are; else None."""
    count = int(valid.sum())
    surrounded = int(binary_erosion(valid, np.ones((3, 3), bool), border_value=True).sum())
    if count and surrounded >= DENSE * count:
        return None
    share = surrounded / count if count else 0.0
    return (
        f"Edges need dense ground truth, but {100 * count / valid.size:.1f} % of the pixels are valid and of these "
        f"{100 * share:.1f} % have only valid neighbours (at least {100 * DENSE:.0f} % are needed): leave the extra "
        "metric edges out, or give dense depth."
    )


def directed_scores(prediction: FloatMap, truth: FloatMap, valid: Mask, plane: float) -> DirectedScores:
    """IBIMS-1's directed depth error of depths [H, W] in metres at a plane (metres); sparse truth will do.

    Raises:
        ValueError: if no pixel is valid.
    """
    if not valid.any():
        raise ValueError("directed_scores needs at least one valid pixel; got none.")
    beyond, seen_beyond = truth[valid] > plane, prediction[valid] > plane
    return DirectedScores(
        correct=float(100 * np.mean(beyond == seen_beyond)),
        too_near=float(100 * np.mean(beyond & ~seen_beyond)),
        too_far=float(100 * np.mean(~beyond & seen_beyond)),
    )
