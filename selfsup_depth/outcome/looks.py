"""Pictures of single images: what was predicted, what is true, where they differ, what training ignores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.evaluation.photometric import Explained
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.scoring import depth_at_size, resize_inverse_depth
from selfsup_depth.outcome.auto_masks import AutoMasks
from selfsup_depth.outcome.tables import headline_column
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.colours import amount_picture, depth_picture, depth_range, error_picture, mask_picture
from selfsup_depth.report.content import Example, Picture

Row = Mapping[str, Any]  # of a summary
TRUTH = "ground truth"
APART = 10  # shown images are more than this part of the list away from each other


@dataclass(frozen=True)
class Seen:
    """One image as it is scored: maps on the pixels of the ground truth where there is some, else of the image."""

    image: Tensor  # [3, h, w] in [0, 1], as stored
    inverse: Tensor  # [1, h', w'] predicted, on the network's pixels
    ratio: float  # what predicted depths are multiplied by: 1 un-aligned
    depth: np.ndarray  # [H, W] predicted, in the scale of the headline
    truth: np.ndarray | None  # [H, W] in `Looks.truth_unit`, 0 where it does not count


class Looks:
    """A run's view of the images of a validation set.

    Args:
        protocol: None: there is no ground truth.
        summary: of the run's scores; empty without ground truth.
        column: scores and scale, "aligned" or "unaligned"; None: those of the headline.
    """

    def __init__(
        self,
        predictor: DepthPredictor,
        dataset: ViewDataset,
        protocol: Protocol | None,
        summary: Mapping[str, Any],
        column: str | None = None,
    ) -> None:
        self.predictor, self.dataset, self.protocol = predictor, dataset, protocol
        self.rows: dict[str, Row] = {row["name"]: row for row in summary["rows"]} if summary else {}
        self.column = column or (headline_column(summary) if summary else "aligned")
        self.index = {dataset.name(i): i for i in range(len(dataset))}
        self._seen: dict[str, Seen] = {}

    @property
    def unit(self) -> str:
        """Of the shown depths."""
        if not self.rows:
            return "metres" if self.predictor.metric else "relative"
        return "metres" if self.column == "unaligned" else f"{self.truth_unit} (median-aligned)"

    @property
    def truth_unit(self) -> str:
        """Of the ground truth, and of errors."""
        return self.protocol.unit if self.protocol else "metres"

    def see(self, name: str) -> Seen:
        """Predicts an image once."""
        if name not in self._seen:
            self._seen[name] = self._look(name)
        return self._seen[name]

    def score(self, name: str) -> float | None:
        """The image's abs_rel in the headline; None: it is not scored."""
        scores = self.rows[name][self.column] if name in self.rows else None
        return None if scores is None else float(scores["abs_rel"])

    def _look(self, name: str) -> Seen:
        index = self.index[name]
        image = self.dataset.image(index).float() / 255
        inverse = self.predictor.predict(image[None]).inverse_depth[0].float().cpu()
        truth = self.dataset.depth(index) if self.protocol else None
        if truth is None or self.protocol is None or self.score(name) is None:
            height, width = image.shape[-2:]
            depth = 1.0 / resize_inverse_depth(inverse, height, width)[0].numpy()
            return Seen(image, inverse, 1.0, depth, None)
        fitted = self.protocol.fit(truth, name)
        counted = np.where(self.protocol.valid_mask(fitted), fitted, 0.0)
        ratio = float(self.rows[name]["ratio"]) if self.column == "aligned" else 1.0
        height, width = fitted.shape
        depth = np.clip(
            ratio * depth_at_size(inverse, (height, width), self.protocol),
            self.protocol.min_depth,
            self.protocol.max_depth,
        )
        return Seen(image, inverse, ratio, depth, counted)


def choose(looks: Looks, count: int) -> tuple[list[str], list[str]]:
    """Names of the images with the smallest and the largest abs_rel, best and worst first, none in both.

    An image near a chosen one is passed over (`apart`): neighbouring frames look alike.
    """
    scores = {name: score for name in looks.rows if (score := looks.score(name)) is not None and np.isfinite(score)}
    ranked = sorted(scores, key=lambda name: scores[name])
    half = max(1, len(ranked) // 2)
    return apart(ranked[:half], looks.index, count), apart(ranked[half:][::-1], looks.index, count)


def apart(names: Sequence[str], index: Mapping[str, int], count: int) -> list[str]:
    """The first `count` of the names, without those near an earlier one in the list of images."""
    distance = len(index) // APART
    chosen: list[str] = []
    for name in names:
        if len(chosen) < count and all(abs(index[name] - index[other]) > distance for other in chosen):
            chosen.append(name)
    return chosen


def spread(names: Sequence[str], count: int) -> list[str]:
    """Some of the names, from the first to the last."""
    count = min(count, len(names))
    return [names[round(i * (len(names) - 1) / max(count - 1, 1))] for i in range(count)]


def example(looks: Looks, masks: AutoMasks, name: str) -> Example:
    """Image, prediction, truth, error and auto-mask of one image; without truth, what there is."""
    seen = looks.see(name)
    shown = [seen.depth] if seen.truth is None else [seen.depth, seen.truth]
    near, far = depth_range(*shown)
    pictures = [
        Picture("image", as_pixels(seen.image)),
        depth_picture("prediction", seen.depth, near, far, looks.unit),
    ]
    if seen.truth is not None:
        pictures += [
            depth_picture(TRUTH, seen.truth, near, far, looks.truth_unit),
            error_picture("relative error", seen.depth, seen.truth),
        ]
    kept = masks.find(name)
    if kept is not None:
        title = f"auto-mask: {100 * (1 - float(kept.mean())):.0f} % ignored (dark)"
        on_image = F.interpolate(kept[None, None], seen.image.shape[-2:], mode="nearest-exact")[0, 0]
        pictures.append(mask_picture(title, as_pixels(seen.image), on_image.numpy()))
    return Example(name, caption(looks, name), tuple(pictures))


def comparison_example(first: Looks, second: Looks, names: tuple[str, str], image: str) -> Example:
    """Truth, and prediction and error of two runs, of one image."""
    one, other = first.see(image), second.see(image)
    assert one.truth is not None and other.truth is not None  # only scored images are compared
    near, far = depth_range(one.truth, one.depth, other.depth)
    pictures = (
        Picture("image", as_pixels(one.image)),
        depth_picture(names[0], one.depth, near, far, first.unit),
        depth_picture(names[1], other.depth, near, far, second.unit),
        depth_picture(TRUTH, one.truth, near, far, first.truth_unit),
        error_picture(f"{names[0]}: relative error", one.depth, one.truth),
        error_picture(f"{names[1]}: relative error", other.depth, other.truth),
    )
    scores = [f"{name} {looks.score(image):.3f}" for looks, name in ((first, names[0]), (second, names[1]))]
    return Example(image, f"abs_rel: {', '.join(scores)}", pictures)


def explained_example(
    looks: tuple[Looks, Looks], names: tuple[str, str], image: str, explained: Explained | None = None
) -> Example:
    """Predictions of two runs of an image without truth, and how badly each explains it where that is known.

    Where one of them is relative, the second is shown with the median of the first.
    """
    one, other = (run.see(image) for run in looks)
    unit, depths = looks[0].unit, [one.depth, other.depth]
    if not (looks[0].predictor.metric and looks[1].predictor.metric):
        unit = f"{unit}, equal medians"
        depths[1] = depths[1] * (np.median(depths[0]) / np.median(depths[1]))
    near, far = depth_range(*depths)
    shown = (depth_picture(name, depth, near, far, unit) for name, depth in zip(names, depths, strict=True))
    pictures = [Picture("image", as_pixels(one.image)), *shown]
    if explained is None or explained.errors is None:
        return Example(image, "", tuple(pictures))
    seen = explained.seen.numpy()
    most = max(float(np.percentile(error.numpy()[seen], 98)) for error in explained.maps)
    for name, error in zip(names, explained.maps, strict=True):
        amounts = np.where(seen, error.numpy(), 0.0)
        title = f"{name}: photometric error"
        pictures.append(amount_picture(title, amounts, seen, max(most, 1e-6), "the same - different"))
    errors = (f"{name} {error:.4f}" for name, error in zip(names, explained.errors, strict=True))
    return Example(image, f"photometric error: {', '.join(errors)}", tuple(pictures))


def caption(looks: Looks, name: str) -> str:
    scores = looks.rows[name][looks.column] if name in looks.rows else None
    if scores is None:
        return ""
    is_metric = looks.protocol is None or looks.protocol.metric
    rmse = f"{scores['rmse']:.2f} m" if is_metric else f"{scores['rmse']:.4f}"
    return f"abs_rel {scores['abs_rel']:.3f}, rmse {rmse}, a1 {scores['a1']:.3f}"


def as_pixels(image: Tensor) -> np.ndarray:
    """[3, H, W] in [0, 1] -> [H, W, 3] uint8."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
