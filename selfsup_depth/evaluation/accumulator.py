"""Streaming evaluation: predictions in, one result out; used by the evaluation script and by validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.alignment import RatioStatistics, ratio_statistics
from selfsup_depth.evaluation.cameras import Camera
from selfsup_depth.evaluation.extras import ExtraMean, ExtraSettings, extra_means
from selfsup_depth.evaluation.metrics import DepthScores, mean_scores
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.scoring import (
    NO_EXTRAS,
    ImageScores,
    PlacedImage,
    place_prediction,
    score_placed,
)


@dataclass(frozen=True)
class EvaluationResult:
    """The scores of a set of images under one protocol. Every image that came in is a row."""

    protocol: Protocol
    mode: ScoringMode
    rows: tuple[ImageScores, ...]
    aligned: DepthScores
    unaligned: DepthScores | None  #: None: the predictions are up to scale, so there is nothing to say
    ratios: RatioStatistics

    @property
    def headline(self) -> DepthScores:
        """The result to quote: aligned or un-aligned, as the mode says."""
        scores = self.aligned if self.mode.align else self.unaligned
        assert scores is not None  # a mode is aligned or metric
        return scores

    @property
    def scored_count(self) -> int:
        return sum(row.scored for row in self.rows)

    @property
    def without_ground_truth(self) -> tuple[str, ...]:
        """Names of the images that have no valid pixel and therefore are in no mean."""
        return tuple(row.name for row in self.rows if not row.scored)

    @property
    def not_finite(self) -> tuple[str, ...]:
        """Names of the images whose prediction gives no finite score (NaN in the network's output)."""
        return tuple(row.name for row in self.rows if row.aligned is not None and not row.aligned.finite)

    @property
    def extras(self) -> tuple[ExtraMean, ...]:
        """Means of the extra metrics, each over the images that have it."""
        return extra_means([row.extras for row in self.rows])

    @property
    def extras_skipped(self) -> dict[str, dict[str, str]]:
        """Extra metric -> image -> why it has none, or less than all, of its numbers."""
        skipped: dict[str, dict[str, str]] = {}
        for row in self.rows:
            for metric, reason in row.extras.skipped.items():
                skipped.setdefault(metric, {})[row.name] = reason
        return skipped


@dataclass(frozen=True)
class ScoredImage:
    """What a thread hands back."""

    row: ImageScores
    valid_depths: NDArray[np.float32] | None  #: [N] where they are kept


class ScoreAccumulator:
    """Collects image by image; `result()` at the end.

    Args:
        protocol: which pixels count.
        mode: scale and headline.
        keep_ground_truth: also keep the valid depths of each image (float32), for baselines.
        extras: further metrics of the headline's depth.
    """

    def __init__(
        self,
        protocol: Protocol,
        mode: ScoringMode,
        *,
        keep_ground_truth: bool = False,
        extras: ExtraSettings = NO_EXTRAS,
    ) -> None:
        if protocol.ground_truth == "none":
            raise ValueError(f"Protocol {protocol.name} has no ground truth to score against.")
        self.protocol = protocol
        self.mode = mode
        self.rows: list[ImageScores] = []
        self.valid_depths: list[NDArray[np.float32]] = []
        self._keep = keep_ground_truth
        self._extras = extras

    def add(
        self,
        inverse_depth: Tensor,
        ground_truth: NDArray[np.floating] | None,
        name: str,
        camera: Camera | None = None,
    ) -> ImageScores:
        """Scores one image: inverse depth [1, h, w] on any device, ground truth [H, W] metres or None.

        `camera`: which point clouds need.
        """
        return self.take(self.score(self.place(inverse_depth, ground_truth, name, camera)))

    def place(
        self,
        inverse_depth: Tensor,
        ground_truth: NDArray[np.floating] | None,
        name: str,
        camera: Camera | None = None,
    ) -> PlacedImage:
        """The first third of `add`, which needs torch: for one thread."""
        return place_prediction(
            inverse_depth, ground_truth, name, self.protocol, self.mode, extras=self._extras, camera=camera
        )

    def score(self, placed: PlacedImage) -> ScoredImage:
        """The second, which takes the longest: for any thread, several at once."""
        row = score_placed(placed, self.protocol, self.mode, self._extras)
        return ScoredImage(row, placed.truth.astype(np.float32) if self._keep and row.scored else None)

    def take(self, scored: ScoredImage) -> ImageScores:
        """The last: in the order of the images."""
        self.rows.append(scored.row)
        if scored.valid_depths is not None:
            self.valid_depths.append(scored.valid_depths)
        return scored.row

    def result(self) -> EvaluationResult:
        """Means over the scored images.

        Raises:
            UserError: if no image has any valid ground truth.
        """
        scored = [row for row in self.rows if row.aligned is not None]
        if not scored:
            raise UserError(
                f"None of the {len(self.rows)} images has valid ground truth under protocol {self.protocol.name} "
                f"(depths of {self.protocol.counts_from:g} to {self.protocol.max_depth:g} "
                f"{'m' if self.protocol.metric else self.protocol.unit}"
                f"{', inside the crop' if self.protocol.crop else ''}): check the unit and the files of the depth."
            )
        unaligned = [row.unaligned for row in scored if row.unaligned is not None]
        return EvaluationResult(
            self.protocol,
            self.mode,
            tuple(self.rows),
            aligned=mean_scores([row.aligned for row in scored if row.aligned is not None]),
            unaligned=mean_scores(unaligned) if self.mode.metric else None,
            ratios=ratio_statistics([row.ratio for row in scored if row.ratio is not None]),
        )


def evaluate(
    predictions: Iterable[tuple[Tensor, NDArray[np.floating] | None, str]], protocol: Protocol, mode: ScoringMode
) -> EvaluationResult:
    """Scores a stream of (inverse depth [1, h, w], ground truth [H, W] or None, name).

    Raises:
        UserError: if no image has any valid ground truth.
    """
    accumulator = ScoreAccumulator(protocol, mode)
    for inverse_depth, ground_truth, name in predictions:
        accumulator.add(inverse_depth, ground_truth, name)
    return accumulator.result()
