"""The preflight's whole look at a recording, a data set or a source."""

from __future__ import annotations

from collections.abc import Mapping

from recording import Recording, RecordingSource

from selfsup_depth.datasets import DatasetRequest, ViewDataset
from selfsup_depth.datasets.index import usable_items
from selfsup_depth.preflight import Effort, Finding, Footage, Part, Result, gather, run_checks

FRAMES: tuple[int | str, ...] = (0, -1, 1, "s")
RANGE = (0.1, 100.0)


def look_at(recording: Recording, frame_ids: tuple[int | str, ...] = FRAMES, moments: int = 5) -> Footage:
    """Reads the source itself, as check_data.py does: broken cameras are findings, not refusals."""
    height, width = recording.left[0].shape[:2]
    request = DatasetRequest(height, width, frame_ids)
    source = RecordingSource(request, recording)
    items, report = usable_items("recording", source, request)
    return gather("recording", [Part(source, items, report, frame_ids, moments)], Effort(), depth_range=RANGE)


def look_at_dataset(dataset: ViewDataset, moments: int = 6) -> Footage:
    part = Part(dataset.source, dataset.items, dataset.report, dataset.request.frame_ids, moments)
    return gather(dataset.name_of_dataset, [part], Effort(), depth_range=RANGE)


def found(results: Mapping[str, Result]) -> dict[str, Finding]:
    """Findings by the name of their check."""
    return {finding.check: finding for result in results.values() for finding in result.findings}


def found_in(footage: Footage) -> dict[str, Finding]:
    return found(run_checks(footage))
