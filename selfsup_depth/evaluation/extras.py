"""Extra metrics that any protocol can be asked for: each takes a dense prediction and says what it cannot score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.evaluation.cameras import Camera
from selfsup_depth.evaluation.distance_bins import binned_scores
from selfsup_depth.evaluation.edges import directed_scores, edge_scores, why_sparse
from selfsup_depth.evaluation.point_clouds import point_cloud_scores

ExtraName = Literal["edges", "point_cloud", "distances"]
EXTRA_NAMES: tuple[ExtraName, ...] = get_args(ExtraName)
#: What `distances` says of each bin, as "abs_rel 2-5 m"; share is of the image's pixels, per cent.
BINNED = ("abs_rel", "rmse", "bias", "share")
#: What says nothing of truth that is up to one factor; of `edges` that is the side of the plane alone.
OF_METRES: tuple[ExtraName, ...] = ("point_cloud", "distances")


@dataclass(frozen=True)
class ExtraSettings:
    """Which extra metrics, and their parameters."""

    names: tuple[ExtraName, ...] = ()
    thresholds: tuple[float, ...] = (0.1,)  #: of point clouds, metres
    queries: int = 0  #: points asked per cloud; 0: all


@dataclass(frozen=True)
class PlacedPrediction:
    """A prediction on the pixels of its ground truth, in the scale of the headline, clamped."""

    depth: NDArray[np.floating]  #: [H, W] metres
    truth: NDArray[np.floating]  #: [H, W] metres
    valid: NDArray[np.bool_]  #: [H, W] where they are compared; at least one pixel
    plane: float  #: metres, of the directed error
    camera: Camera | None  #: None: unknown
    farthest: float = np.inf  #: metres; the protocol's cap
    metric: bool = True  #: whether truth and depth are in metres; else up to one factor


@dataclass(frozen=True)
class ExtraScores:
    """Numbers by name, and, by metric, why there are fewer than asked for."""

    values: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraMean:
    """The mean of one extra number over the images that have it."""

    name: str
    mean: float
    images: int


def extra_scores(placed: PlacedPrediction, settings: ExtraSettings) -> ExtraScores:
    """The extra metrics of one image. Nothing is scored where the prediction is not finite.

    Raises:
        ValueError: if point clouds are asked for without a camera.
    """
    values: dict[str, float] = {}
    skipped: dict[str, str] = {}
    finite = bool(np.isfinite(placed.depth[placed.valid]).all())
    for name in settings.names:
        reason = _refusal(name, placed, finite)
        if reason is None:
            numbers, reason = _EXTRAS[name](placed, settings)
            values |= numbers
        if reason:
            skipped[name] = reason
    return ExtraScores(values, skipped)


def _refusal(name: ExtraName, placed: PlacedPrediction, finite: bool) -> str | None:
    """Why an extra metric is not computed at all."""
    if not finite:
        return "the prediction is not finite"
    if name in OF_METRES and not placed.metric:
        return "it is about metres, but the ground truth is up to one factor"
    return None


def extra_means(scores: Sequence[ExtraScores]) -> tuple[ExtraMean, ...]:
    """Means over images, in the order in which the numbers first appear."""
    columns: dict[str, list[float]] = {}
    for image in scores:
        for name, value in image.values.items():
            columns.setdefault(name, []).append(value)
    return tuple(ExtraMean(name, float(np.mean(values)), len(values)) for name, values in columns.items())


def _edges(placed: PlacedPrediction, settings: ExtraSettings) -> tuple[dict[str, float], str | None]:
    sides: dict[str, float] = {}
    if placed.metric:
        directed = directed_scores(placed.depth, placed.truth, placed.valid, placed.plane)
        sides = {"dir_acc": directed.correct, "dir_minus": directed.too_near, "dir_plus": directed.too_far}
    sparse = why_sparse(placed.valid)
    if sparse:
        return sides, sparse
    edges = edge_scores(placed.depth, placed.truth, placed.valid)
    if edges is None:
        return sides, "the ground truth has no depth edge"
    found = {
        "edge_acc": edges.accuracy,
        "edge_comp": edges.completeness,
        "no_edges": 100.0 * (edges.predicted_pixels == 0),
    }
    return found | sides, None


def _point_cloud(placed: PlacedPrediction, settings: ExtraSettings) -> tuple[dict[str, float], str | None]:
    if placed.camera is None:
        raise ValueError("Point clouds need the camera of each image.")
    clouds = point_cloud_scores(
        placed.depth, placed.truth, placed.valid, placed.camera(*placed.truth.shape),
        thresholds=settings.thresholds, queries=settings.queries,
    )  # fmt: skip
    values = {"chamfer": clouds.chamfer}
    for at in clouds.at:
        shares = {"precision": at.precision, "recall": at.recall, "f_score": at.f_score, "iou": at.iou}
        values |= {f"{name}@{at.threshold:g}": share for name, share in shares.items()}
    return values, None


def _distances(placed: PlacedPrediction, settings: ExtraSettings) -> tuple[dict[str, float], str | None]:
    bins = binned_scores(placed.depth[placed.valid], placed.truth[placed.valid], farthest=placed.farthest)
    values: dict[str, float] = {}
    for name in BINNED:
        found = {f"{name} {scores.label}": getattr(scores, name) for scores in bins}
        values |= {label: value for label, value in found.items() if value is not None}
    return values, None


_EXTRAS: Mapping[ExtraName, Callable[..., tuple[dict[str, float], str | None]]] = {
    "edges": _edges,
    "point_cloud": _point_cloud,
    "distances": _distances,
}
