"""Frames of a video that preparation could not take, as it has counted them: they are not there to be looked at."""

from __future__ import annotations

from selfsup_depth.datasets.prepared_files import ALONE, UNDECODABLE
from selfsup_depth.preflight.checks.files import MOST_WITHOUT_PARTNER
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage

NO_VIDEO_FILE = "the images are not frames of a video"
#: Part of the frames that cannot be decoded: with more, most runs of the video are torn.
MOST_LOST = 0.1


def undecodable_frames(footage: Footage) -> Result:
    """Every frame of the video can be decoded."""
    if not footage.is_video:
        return not_looked(NO_VIDEO_FILE)
    lost, recorded = footage.dropped(UNDECODABLE)
    seen = f"{lost} of {recorded} frames could not be decoded"
    if not lost:
        return good(seen)
    return bad(
        seen,
        Finding(
            "undecodable_frames", "error" if lost > MOST_LOST * recorded else "warning", 100 * lost / recorded,
            "% of the frames", "every frame of the video to be decoded",
            f"{seen}, and were left out when the video was prepared",
            "a copy or a recording that was interrupted, or a codec that OpenCV knows in part",
            "copy the video again from the camera, or convert it (ffmpeg -i IN -c:v libx264 OUT.mp4)",
        ),
    )  # fmt: skip


def unmatched_frames(footage: Footage) -> Result:
    """Two videos show the same moments."""
    if not (footage.is_video and any(part.source.has_stereo for part in footage.parts)):
        return not_looked(NO_VIDEO_FILE if not footage.is_video else "one camera only")
    alone, recorded = footage.dropped(ALONE)
    seen = f"{alone} of {recorded} frames have no partner at the same time"
    if alone <= MOST_WITHOUT_PARTNER * recorded:
        return good(seen)
    return bad(
        seen,
        Finding(
            "unmatched_frames", "warning", 100 * alone / recorded, "% of the frames", "a partner for every frame",
            f"{seen} in the other camera's video, and were left out when the videos were prepared",
            "one camera was started later, stopped earlier, or dropped frames",
            "start and stop both cameras together; where one began later, cut both videos to the time that they share",
        ),
    )  # fmt: skip
