"""Which of the listed items can be used: counts in, counts out, and a reason for every difference."""

from __future__ import annotations

from collections.abc import Sequence

from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId, IndexReport
from splits import SplitLine

NO_DEPTH = "no ground-truth depth"
EXAMPLES_KEPT = 3


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
            return _reason(frame), item_name(item)
        if not source.has_image(view):
            return _reason(frame), source.image_path(view)
    if with_depth and not source.has_depth(item):
        return NO_DEPTH, item_name(item)
    return None


def _reason(frame: FrameId) -> str:
    if frame == 0:
        return "target image missing"
    if frame == STEREO:
        return "stereo image missing"
    return f"neighbour frame {int(frame):+d} missing"


def item_name(item: SplitLine) -> str:
    """The item as a split line: folder, frame, side."""
    return " ".join(str(part) for part in (item.folder, item.frame, item.side) if part not in (None, ""))


def refuse_empty(dataset: str, where: str, report: IndexReport) -> None:
    """Raises UserError when no item is left, naming where we looked and an example of what is missing."""
    if report.kept:
        return
    if not report.listed:
        raise UserError(f"{dataset}: the list of items for {where} is empty: give another --data_path or --split.")
    reasons = "; ".join(
        f"{count} x {reason}, for example {report.examples[reason][0]}" for reason, count in report.left_out.items()
    )
    raise UserError(
        f"{dataset}: none of the {report.listed} listed items can be used under {where} ({reasons}): "
        "check --data_path, --split and --frame_ids, and that the archives are unpacked."
    )
