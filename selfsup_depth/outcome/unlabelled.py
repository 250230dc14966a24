"""Two finished runs side by side where no one knows the true depth: which of them explains the images better."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.paired import REMEDY, paired_differences
from selfsup_depth.evaluation.photometric import (
    Explained,
    Judged,
    all_frames,
    explain,
    shared_sources,
    size_of_comparison,
)
from selfsup_depth.outcome.auto_masks import whole_method
from selfsup_depth.outcome.contender import Contender, names_of, other_losses
from selfsup_depth.outcome.curves import curves_of_two
from selfsup_depth.outcome.looks import Looks, apart, explained_example, spread
from selfsup_depth.outcome.verdict import digits_of, rule, table_of, verdict
from selfsup_depth.report.content import Comparison, Estimate, Gallery, Row
from selfsup_depth.structures import STEREO, FrameId

METRIC = "photometric error"
EACH = 2  # images shown of either kind
MOST_IMAGES = 300  # more would take minutes without a GPU
MEANING = (
    "There is no ground-truth depth here. Compared is how far frames warped by either run are from the image: "
    "the photometric error of the training (85 % SSIM, 15 % L1, the best of the frames), but without auto-mask, at one "
    "size and over the pixels that both see, so that runs of other losses and sizes can be compared. It says which run "
    "explains the images better, not whose depth is truer: where nothing has texture, any depth explains them."
)


def compare_without_truth(first: Contender, second: Contender, dataset: ViewDataset, others: ViewDataset) -> Comparison:
    """The first run against the second, on the validation images of the first.

    Args:
        others: the validation images of the second.

    Raises:
        UserError: when those are other images, or the two are one run.
    """
    names = names_of(first.run, second.run)
    sides = Sides(
        names,
        images_of_both(dataset, others, names),
        (_judged(first), _judged(second)),
        (Looks(first.predictor, dataset, None, {}), Looks(second.predictor, dataset, None, {})),
    )
    reason, whole = sides.common_ground(dataset)
    comparison = in_pictures(reason, sides) if whole is None else in_numbers(whole, sides)
    return replace(
        comparison,
        charts=curves_of_two({name: one.run.log for name, one in zip(names, (first, second), strict=True)}),
        note=" ".join(note for note in (comparison.note, other_losses(first.run, second.run)) if note),
    )


@dataclass(frozen=True)
class Sides:
    """The two runs, first and second."""

    names: tuple[str, str]
    images: list[str]  # that both were validated on
    judged: tuple[Judged, Judged]
    looks: tuple[Looks, Looks]

    def common_ground(self, dataset: ViewDataset) -> tuple[str, ViewDataset | None]:
        """The images that both can explain; or why there are none."""
        frames = [f"frames {' '.join(map(str, one.frames))}" for one in self.judged]
        if not shared_sources(*self.judged):
            return f"one was trained on {frames[0]}, the other on {frames[1]}, and no frame is warped by both", None
        with contextlib.suppress(UserError):
            whole = all_frames(dataset, self.judged)
            if self.whole_images(whole):
                return "", whole
        return f"no validation image has all of {' and '.join(dict.fromkeys(frames))}, which the two look at", None

    def whole_images(self, whole: ViewDataset) -> list[str]:
        """Those of the images that have all frames."""
        present = {whole.name(i) for i in range(len(whole))}
        return [name for name in self.images if name in present]

    def explain(self, whole: ViewDataset, names: Sequence[str]) -> Iterator[Explained]:
        return explain(self.judged, whole, names, self.looks[0].predictor.device)


def images_of_both(first: ViewDataset, second: ViewDataset, names: tuple[str, str]) -> list[str]:
    """Names of the images that neither run was trained on: which are held out can depend on the frames of a sample.

    By name, and by content of the first, the middle and the last.

    Raises:
        UserError: when there are none, or when they are other pictures.
    """
    index = {second.name(i): i for i in range(len(second))}
    shared = [i for i in range(len(first)) if first.name(i) in index]
    if not shared:
        raise UserError(
            f"{names[1]} was validated on other images than {names[0]} (none of {len(second)} is among the "
            f"{len(first)}, for example {second.name(0)}): {REMEDY}."
        )
    for i in {shared[0], shared[len(shared) // 2], shared[-1]}:
        name = first.name(i)
        if not torch.equal(first.image(i), second.image(index[name])):
            raise UserError(
                f"{names[1]} was validated on images of the same names as {names[0]}, but {name} is another picture "
                f"there: {REMEDY}."
            )
    return [first.name(i) for i in shared]


def _judged(contender: Contender) -> Judged:
    meta = contender.predictor.meta
    return Judged(whole_method(contender.run, contender.predictor.device), meta.frame_ids, meta.height, meta.width)


def in_pictures(reason: str, sides: Sides) -> Comparison:
    shown = spread(sides.images, 2 * EACH)
    gallery = Gallery("Some validation images", tuple(explained_example(sides.looks, sides.names, n) for n in shown))
    sentence = f"There is no number to compare these runs by: {reason}. Look at their curves and predictions."
    return Comparison(sides.names, sentence, None, (gallery,))


def in_numbers(whole: ViewDataset, sides: Sides) -> Comparison:
    chosen = spread(sides.whole_images(whole), MOST_IMAGES)
    found, unmoved = {}, []
    for one in sides.explain(whole, chosen):
        if one.errors is not None:
            found[one.name] = one.errors
            unmoved.append(one.error_unwarped)
    if not found:
        return in_pictures("there is no pixel that both see in another frame", sides)
    errors = np.array(list(found.values()))
    (pair,) = paired_differences([METRIC], errors[:, :1], errors[:, 1:])
    sources = in_words(shared_sources(*sides.judged))
    height, width = size_of_comparison(sides.judged)
    title = f"{METRIC} of {sources} at {width}x{height}, {len(found)} of {len(sides.images)} images"
    table = table_of([pair], sides.names, title)
    reference = Estimate(float(np.mean(unmoved)), digits=digits_of(pair))
    rows = (*table.rows, Row("the frames as they are", (reference, reference, None, None, None), "dim"))
    return Comparison(
        sides.names,
        verdict(pair, sides.names),
        replace(table, rows=rows),
        _galleries(found, whole, sides),
        note=f"{MEANING} {rule(pair.images)}",
    )


def in_words(sources: Sequence[FrameId]) -> str:
    """Frames that are warped, as a reader of the page calls them."""
    in_time = [f"{frame:+d}" for frame in sources if isinstance(frame, int)]
    parts = ["the stereo partner"] if STEREO in sources else []
    return " and ".join([f"frame{'s' if len(in_time) > 1 else ''} {' '.join(in_time)}"] * bool(in_time) + parts)


def _galleries(errors: Mapping[str, tuple[float, float]], whole: ViewDataset, sides: Sides) -> tuple[Gallery, ...]:
    """The images that each run wins by most."""
    gains = {name: first - second for name, (first, second) in errors.items()}
    galleries = []
    for run, sign in zip(sides.names, (-1, 1), strict=True):
        won = sorted((name for name in gains if sign * gains[name] > 0), key=lambda name: -sign * gains[name])
        shown = apart(won, sides.looks[0].index, EACH)
        if shown:
            found = sides.explain(whole, shown)
            examples = tuple(explained_example(sides.looks, sides.names, one.name, one) for one in found)
            galleries.append(Gallery(f"Where {run} explains the image better by most", examples))
    return tuple(galleries)
