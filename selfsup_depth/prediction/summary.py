"""What a call says of itself when it is done."""

from __future__ import annotations

import sys

from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.prediction.formats import FORMATS
from selfsup_depth.prediction.ledger import Ledger
from selfsup_depth.prediction.metadata import unit_sentence
from selfsup_depth.prediction.plan import Plan
from selfsup_depth.prediction.run import Tally

MOST_ERRORS = 20  # that are printed one by one
FPS_TOLERANCE = 0.2


def print_summary(plan: Plan, ledger: Ledger, tally: Tally, meta: CheckpointMeta) -> None:
    """Counts, speed, unit, warnings; on stderr what was left out."""
    print(f"{ledger.written} depth maps in {plan.folder} ({speed(tally)})")
    print(unit_sentence(meta))
    if tally.camera_sources:
        of_what = "point clouds" if "ply" in plan.formats else "pictures"
        print(f"camera of the {of_what}: {_first_of(sorted(tally.camera_sources), 'likewise')}")
    for warning in _warnings(plan, ledger, tally):
        print(f"warning: {warning}")
    for failure in tally.failures[:MOST_ERRORS]:
        print(f"error: {failure}", file=sys.stderr)
    if len(tally.failures) > MOST_ERRORS:
        print(f"error: ... and {len(tally.failures) - MOST_ERRORS} more like these", file=sys.stderr)


def speed(tally: Tally) -> str:
    """Of everything but loading the checkpoint, of the network alone, and what the network waited for."""
    if not tally.predicted or not tally.network_s or not tally.total_s:
        return "none predicted"
    reading, writing = (waited / tally.total_s for waited in (tally.waited_for_reading_s, tally.waited_for_writing_s))
    return (
        f"{tally.predicted / tally.total_s:.1f} frames per second; the network alone "
        f"{tally.predicted / tally.network_s:.1f}; of the time {reading:.0%} waiting for pictures, {writing:.0%} for "
        "files to be written"
    )


def _warnings(plan: Plan, ledger: Ledger, tally: Tally) -> list[str]:
    found = []
    for alike in tally.warnings.values():
        found.append(_first_of(alike, "images likewise"))
    for output, pixels in ledger.saturated.items():
        if pixels:
            found.append(
                f"{pixels} pixels are farther than a file of --outputs {output} can say "
                f"({FORMATS[output].metres_only}, 16 bits) and hold its largest value, 65535: npy and tiff hold every "
                "depth"
            )
    rate = ledger.frames_per_second
    if plan.video is not None and plan.is_live and rate and abs(rate / plan.fps - 1) > FPS_TOLERANCE:
        found.append(
            f"{plan.video.name} shows {plan.fps:g} frames/s, but {rate:.1f} were recorded: --fps {rate:.1f} would show "
            "them as fast as they were"
        )
    return found


def _first_of(alike: list[str], likewise: str) -> str:
    return alike[0] + (f" ({len(alike) - 1} more {likewise})" if len(alike) > 1 else "")
