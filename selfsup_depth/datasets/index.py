"""Which of the listed items can be used: counts in, counts out, and a reason for every difference."""

from __future__ import annotations

from collections.abc import Sequence

from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId, IndexReport
from splits import SplitLine

TARGET_MISSING = "target image missing"
STEREO_MISSING = "stereo image missing"
NEIGHBOUR_MISSING = "neighbour frame {:+d} missing"
NO_DEPTH = "no ground-truth depth"
EXAMPLES_KEPT = 3
PURPOSE = {"train": "training", "val": "validation", "test": "testing"}
#: What to do about a reason, where the source does not know better. None: nothing was listed.
REMEDIES = {
    None: "give another --data_path or --split",
    TARGET_MISSING: "check that --data_path is the folder that the list (--split) is about",
    STEREO_MISSING: "add the images of the other camera, or leave out --use_stereo",
    NO_DEPTH: "add the depth maps, or choose images that have some",
}
OTHER_FRAMES = "give footage in which frames stand in a row, or ask for other --frame_ids"


def usable_items(dataset: str, source: ViewSource, request: DatasetRequest) -> tuple[list[SplitLine], IndexReport]:
    """The items that can be used as they are asked for.

    Raises UserError when none is left, when "s" is asked of monocular data, and when depth is asked of data without.
    """
    if STEREO in request.frame_ids and not source.has_stereo:
        raise UserError(f"--use_stereo needs a data set of stereo pairs: {dataset} has one camera only.")
    if request.with_depth and not source.has_depth_maps:
        raise UserError(
            f"{dataset} has no ground-truth depth: validate without depth, or choose a data set that has it."
        )
    source.check_frames(request.frame_ids)
    items, report = build_index(source, request.frame_ids, with_depth=request.with_depth)
    refuse_empty(dataset, source, request, report)
    return items, report


def build_index(
    source: ViewSource, frame_ids: Sequence[FrameId], *, with_depth: bool
) -> tuple[list[SplitLine], IndexReport]:
    """Items whose every needed image (and depth) exists. An item is left out, never replaced."""
    kept: list[SplitLine] = []
    beforehand = source.left_out_beforehand()
    counts = {reason: len(names) for reason, names in beforehand.items()}
    examples = {reason: list(names[:EXAMPLES_KEPT]) for reason, names in beforehand.items()}
    items = source.items()
    for item in items:
        problem = _problem(source, item, frame_ids, with_depth)
        if problem is None:
            kept.append(item)
            continue
        reason, example = problem
        counts[reason] = counts.get(reason, 0) + 1
        shown = examples.setdefault(reason, [])
        if len(shown) < EXAMPLES_KEPT:
            shown.append(example)
    listed = len(items) + sum(len(names) for names in beforehand.values())
    return kept, IndexReport(listed=listed, kept=len(kept), left_out=counts, examples=examples)


def _problem(
    source: ViewSource, item: SplitLine, frame_ids: Sequence[FrameId], with_depth: bool
) -> tuple[str, str] | None:
    """(reason, example) why an item cannot be used; None when it can."""
    for frame in frame_ids:
        view = source.neighbour(item, frame)
        if view is None:
            return _reason(frame), _no_view(source, item, frame)
        if not source.has_image(view):
            return _reason(frame), source.image_path(view)
    if with_depth and not source.has_depth(item):
        return NO_DEPTH, item_name(item)
    return None


def _reason(frame: FrameId) -> str:
    if frame == 0:
        return TARGET_MISSING
    if frame == STEREO:
        return STEREO_MISSING
    return NEIGHBOUR_MISSING.format(int(frame))


def _no_view(source: ViewSource, item: SplitLine, frame: FrameId) -> str:
    """An example in words: a file that nothing would be called is not named."""
    if frame == STEREO:
        return item_name(item)
    return f"none {'before' if int(frame) < 0 else 'after'} {source.whereabouts(item)}"


def item_name(item: SplitLine) -> str:
    """The item as a split line: folder, frame, side."""
    return " ".join(str(part) for part in (item.folder, item.frame, item.side) if part not in (None, ""))


def refuse_empty(dataset: str, source: ViewSource, request: DatasetRequest, report: IndexReport) -> None:
    """Raises UserError when no item is left: for which part, where we looked, an example, and what to do."""
    if report.kept:
        return
    purpose = PURPOSE[request.part]
    where = str(request.data_path or "the built-in data")
    if not report.listed:
        raise UserError(f"{dataset}: there is nothing for {purpose} in {where}: {_remedy(source, None)}.")
    reasons = "; ".join(
        f"{count} x {reason}, for example {report.examples[reason][0]}" for reason, count in report.left_out.items()
    )
    main = max(report.left_out, key=lambda reason: report.left_out[reason])
    raise UserError(
        f"{dataset}: none of the {report.listed} items listed for {purpose} can be used under {where} ({reasons}): "
        f"{_remedy(source, main)}."
    )


def _remedy(source: ViewSource, reason: str | None) -> str:
    return source.remedy(reason) or REMEDIES.get(reason, OTHER_FRAMES)
