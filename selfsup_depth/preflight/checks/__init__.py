"""Every check by its name: one function of the footage each, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selfsup_depth.preflight.checks import (
    depth_encoding,
    depth_registration,
    depth_values,
    files,
    intrinsics,
    poses,
    stereo_geometry,
    stereo_scale,
    stereo_sides,
    two_in_one,
    video_frames,
    video_motion,
    video_recording,
)
from selfsup_depth.preflight.finding import Finding, Result, not_looked
from selfsup_depth.preflight.footage import Footage


@dataclass(frozen=True)
class Check:
    """One question that is asked of footage."""

    group: str
    question: str
    run: Callable[[Footage], Result]
    quick: bool = False  # also asked when a training starts
    unless: tuple[str, ...] = ()  # not asked when one of these found something, of which this would be an echo


CAMERA = ("intrinsics", "image_of_calibration", "field_of_view", "focal_ratio")
PAIRS = ("stereo_identical", "stereo_orientation")
#: What moves, where and how far is asked of one picture: of two in one image every answer would be an echo.
OF_ONE_PICTURE = ("Stereo", "Video", "Depth", "Poses")
#: In an order in which every name of an `unless` comes before.
CHECKS: dict[str, Check] = {
    "readable": Check("Files", "Can every image be read?", files.readable, quick=True),
    "bit_depth": Check("Files", "8 bits a channel?", files.bit_depth),
    "animation": Check("Files", "One picture a file?", files.animation),
    "image_size": Check("Files", "All of one size?", files.image_size, quick=True),
    "two_in_one": Check("Files", "One picture in each?", two_in_one.two_in_one, quick=True),
    "squeezed": Check(
        "Files", "In about their own shape?", files.squeezed, quick=True, unless=("two_in_one", "image_size")
    ),
    "duplicate_files": Check("Files", "Every image there once?", files.duplicate_files),
    "exposure": Check("Files", "Neither black nor white?", files.exposure, quick=True),
    "missing_partners": Check("Files", "A right image for every left one?", files.missing_partners, quick=True),
    "undecodable_frames": Check(
        "Files", "Can every frame be decoded?", video_recording.undecodable_frames, quick=True
    ),
    "unmatched_frames": Check("Files", "Two videos of one time?", video_recording.unmatched_frames, quick=True),
    "known_camera": Check("Intrinsics", "Told, or learnt?", intrinsics.known_camera, quick=True),
    "intrinsics": Check("Intrinsics", "In pixels of the image?", intrinsics.intrinsics, quick=True),
    "image_of_calibration": Check(
        "Intrinsics", "Of this image size?", intrinsics.image_of_calibration, quick=True,
        unless=("intrinsics", "two_in_one"),
    ),
    "field_of_view": Check(
        "Intrinsics", "A possible field of view?", intrinsics.field_of_view, quick=True,
        unless=("intrinsics", "two_in_one"),
    ),
    "focal_ratio": Check(
        "Intrinsics", "Do fx and fy agree?", intrinsics.focal_ratio, quick=True,
        unless=("intrinsics", "squeezed", "two_in_one"),
    ),
    "stereo_identical": Check("Stereo", "Two different images?", stereo_sides.stereo_identical, quick=True),
    "stereo_orientation": Check(
        "Stereo", "The same scene, upright?", stereo_sides.stereo_orientation, quick=True, unless=("image_size",)
    ),
    "stereo_timing": Check("Stereo", "Taken at the same moment?", stereo_sides.stereo_timing, unless=PAIRS),
    "stereo_sides": Check(
        "Stereo", "Left on the left?", stereo_sides.stereo_sides, quick=True, unless=(*PAIRS, "stereo_timing")
    ),
    "rectification": Check(
        "Stereo", "Rectified?", stereo_geometry.rectification, quick=True, unless=(*PAIRS, "stereo_timing")
    ),
    "stereo_exposure": Check(
        "Stereo", "Equally bright?", stereo_geometry.stereo_exposure, quick=True, unless=PAIRS
    ),
    "stereo_sharpness": Check("Stereo", "Equally sharp?", stereo_geometry.stereo_sharpness, unless=PAIRS),
    "baseline": Check(
        "Stereo", "A baseline in metres?", stereo_scale.baseline, quick=True,
        unless=(*PAIRS, *CAMERA, "stereo_sides", "stereo_timing"),
    ),
    "depth_range": Check(
        "Stereo", "Within --min_depth and --max_depth?", stereo_scale.depth_range, quick=True,
        unless=(*PAIRS, *CAMERA, "stereo_sides", "stereo_timing"),
    ),
    "duplicated_frames": Check("Video", "No frame twice?", video_motion.duplicated_frames, quick=True),
    "frame_rate": Check(
        "Video", "Neither too little motion nor too much?", video_motion.frame_rate, quick=True, unless=("image_size",)
    ),
    "static_frames": Check(
        "Video", "Does the camera move?", video_motion.static_frames, quick=True, unless=("frame_rate",)
    ),
    "rotation_only": Check("Video", "Not only by turning?", video_motion.rotation_only, quick=True),
    "frame_order": Check("Video", "Frames in order?", video_frames.frame_order),
    "cuts": Check("Video", "Without cuts?", video_frames.cuts, unless=("frame_rate", "image_size")),
    "exposure_jumps": Check("Video", "Evenly bright?", video_frames.exposure_jumps, quick=True),
    "blur": Check("Video", "Sharp?", video_frames.blur, unless=("frame_rate",)),
    "depth_readable": Check("Depth", "Can every map be read?", depth_values.depth_readable, quick=True),
    "depth_coverage": Check("Depth", "Is there depth in the maps?", depth_values.depth_coverage),
    "depth_limit": Check("Depth", "Is unknown depth 0?", depth_values.depth_limit, unless=("depth_coverage",)),
    "depth_encoding": Check(
        "Depth", "Decoded as it was stored?", depth_encoding.depth_encoding,
        unless=("image_size", "stereo_sides", "stereo_timing", "depth_coverage"),
    ),
    "depth_registration": Check(
        "Depth", "Of the image's pixels?", depth_registration.depth_registration, quick=True,
        unless=("image_size", "stereo_sides", "stereo_timing", "depth_coverage", "depth_encoding"),
    ),
    "depth_unit": Check(
        "Depth", "In metres?", depth_values.depth_unit, quick=True,
        unless=(*CAMERA, "stereo_timing", "baseline", "depth_coverage", "depth_encoding", "depth_registration"),
    ),
    "focal_length": Check(
        "Poses", "Does the focal length fit them?", poses.focal_length, unless=(*CAMERA, "frame_order")
    ),
    "pose_convention": Check(
        "Poses", "Camera to world, x right, y down, z forward?", poses.pose_convention,
        unless=(*CAMERA, "focal_length", "frame_order"),
    ),
    "pose_scale": Check(
        "Poses", "In metres?", poses.pose_scale,
        unless=(*CAMERA, "focal_length", "frame_order", "pose_convention", "baseline", "stereo_timing"),
    ),
}  # fmt: skip


def run_checks(footage: Footage, *, quick_only: bool = False) -> dict[str, Result]:
    """What each check of the table says, in its order."""
    results: dict[str, Result] = {}
    for name, check in CHECKS.items():
        if quick_only and not check.quick:
            continue
        first = (*check.unless, *(("two_in_one",) if check.group in OF_ONE_PICTURE else ()))
        before = [other for other in first if other in results and results[other].findings]
        results[name] = not_looked(f"see {before[0]} first") if before else check.run(footage).in_text()
    return results


def findings_of(results: Mapping[str, Result]) -> list[Finding]:
    """Errors first, then warnings, then notes."""
    rank = ("error", "warning", "note")
    found = [finding for result in results.values() for finding in result.findings]
    return sorted(found, key=lambda finding: rank.index(finding.severity))


__all__ = ["CHECKS", "Check", "findings_of", "run_checks"]
