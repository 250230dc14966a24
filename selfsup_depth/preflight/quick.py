"""A look of a second or so at a data set, when a training starts."""

from __future__ import annotations

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.preflight.checks import findings_of, run_checks
from selfsup_depth.preflight.finding import Finding
from selfsup_depth.preflight.footage import Part
from selfsup_depth.preflight.gathering import Effort, gather

#: Four moments of 40 000 pixels cost 0.1 to 0.8 s on one core.
QUICK = Effort(area=40_000, files=0, seconds=1.0)
MOMENTS = 4


def quick_check(dataset: ViewDataset, depth_range: tuple[float, float] | None = None) -> list[Finding]:
    """What a few moments of a training set show, worst first. Changes nothing that a training depends on.

    It never raises: what goes wrong in the checks themselves is a note, because a training must not fail for them.

    Args:
        depth_range: --min_depth and --max_depth, where the depth of stereo pairs is to be compared with them.
    """
    part = Part(dataset.source, dataset.items, dataset.report, dataset.request.frame_ids, MOMENTS)
    try:
        footage = gather(dataset.name_of_dataset, [part], QUICK, depth_range=depth_range)
        return findings_of(run_checks(footage, quick_only=True))
    except Exception as error:
        return [_failed(error)]


def _failed(error: Exception) -> Finding:
    return Finding(
        "preflight", "note", 0, "", "checks that run",
        f"the data could not be checked ({type(error).__name__}: {error})",
        "an error in the checks, or data of a kind that they do not know", "train all the same, or use --skip_checks",
    )  # fmt: skip
