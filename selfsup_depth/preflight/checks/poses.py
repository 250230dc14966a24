"""Poses: which way do they map, along which axes, in which unit; and does the focal length fit them?"""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from selfsup_depth.preflight.checks.agreement import (
    MOST_APART,
    agrees,
    describe_factor,
    poses_over_map,
    poses_over_stereo,
)
from selfsup_depth.preflight.checks.stereo_scale import LONGEST_BASELINE, SHORTEST_BASELINE
from selfsup_depth.preflight.drawing import draw_arrows
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage, Moment, Pair
from selfsup_depth.preflight.point_depths import fit_of_motion
from selfsup_depth.preflight.trajectories import AS_SAID, READINGS, explained, posed_pairs, relative_motion

NO_POSES = "the data has no poses"
#: Share of the matched points that the poses explain to a pixel: KITTI 0.85, drive 0.98; its inverse 0.1 to 0.4.
WELL_EXPLAINED, CLEARLY_BETTER = 0.6, 0.15
#: Factors of the focal length that are tried.
FOCAL_FACTORS = (0.5, 0.62, 0.75, 0.87, 1.15, 1.33, 1.6, 2.0)
POSE_FACTORS = {
    1000.0: "positions in millimetres", 100.0: "positions in centimetres", 0.001: "positions in kilometres",
    10.0: "a factor of ten", 0.1: "a factor of ten",
}  # fmt: skip


def pose_convention(footage: Footage) -> Result:
    """Read as the data set says, the poses explain what moved; else another reading of them that does is named."""
    pairs = posed_pairs(footage)
    if not pairs:
        return not_looked(NO_POSES)
    scores = {reading: explained(pairs, reading) for reading in READINGS}
    said = scores[AS_SAID]
    best = max(scores, key=lambda reading: scores[reading])
    seen = "; ".join(f"{reading}: {score:.0%}" for reading, score in scores.items())
    another = best != AS_SAID and scores[best] > said + CLEARLY_BETTER and scores[best] >= 0.5
    if not another and said >= WELL_EXPLAINED:
        return good(f"{said:.0%} of the matched points fit the poses")
    cause = (
        f"the poses are {best}: read so, {scores[best]:.0%} fit" if another else
        "poses of other frames (time stamps), of another camera of the rig, or wrong intrinsics; no usual reading fits"
    )  # fmt: skip
    return bad(
        seen,
        Finding(
            "pose_convention", "error" if another else "warning", 100 * said, "% of the matched points",
            f"at least {WELL_EXPLAINED:.0%} of them where the poses put them, to a pixel",
            f"{said:.0%} fit when the poses are read as {AS_SAID}", cause,
            "convert the poses to camera-to-world with x right, y down, z forward" if another else
            "check by which time stamp or number a pose belongs to an image, and to which camera of the rig",
            _motion_picture(*pairs[len(pairs) // 2]),
        ),
    )  # fmt: skip


def _motion_picture(moment: Moment, pair: Pair) -> np.ndarray:
    motion = relative_motion(moment, pair)
    assert motion is not None  # posed_pairs chose it
    fits, _, _ = fit_of_motion(pair, motion)
    points = pair.matches.points[pair.matches.valid]
    caption = f"motion from {PurePath(pair.first.place).name} to its neighbour; red: the poses do not explain it"
    return draw_arrows(pair.first, points, pair.matches.flow, caption, wrong=~fits)


def _rig_that_agrees(footage: Footage, ratio: float) -> str:
    """Which baseline or focal length would make stereo as deep as the poses; empty: no rig has such."""
    known = [seen for moment in footage.stereo if (seen := moment.disparities) is not None]
    metres, focal = known[0].baseline_m, known[0].focal
    if not SHORTEST_BASELINE <= metres * ratio <= LONGEST_BASELINE:
        return ""
    scale = footage.stereo[0].target.stored_size[0] / footage.stereo[0].target.width
    return (
        f"a baseline that is {metres * ratio:.3g} m instead of {metres:g} m, or fx that is {focal * scale * ratio:.0f} "
        f"instead of {focal * scale:.0f} pixels"
    )


def focal_length(footage: Footage) -> Result:
    """With the given focal length the poses explain the pictures better than with another."""
    pairs = posed_pairs(footage)
    if not pairs:
        return not_looked(NO_POSES)
    given = explained(pairs)
    others = {factor: explained(pairs, focal_factor=factor) for factor in FOCAL_FACTORS}
    most = max(others.values())
    seen = f"{given:.0%} of the points fit the poses, at best {most:.0%} with another focal length"
    if most <= given + CLEARLY_BETTER or most < 0.5:
        return good(seen)
    alike = [factor for factor in FOCAL_FACTORS if others[factor] > most - 0.02]
    best = float(np.exp(np.mean(np.log(alike))))  # several fit alike where the camera hardly turns
    K = pairs[0][1].first.stored_intrinsics
    fx = float(K[0, 0]) if K is not None else 0.0
    return bad(
        seen,
        Finding(
            "focal_length", "error", best, "times the focal length", "no other focal length to fit the poses better",
            f"{seen}, about {best:.2g} times the given one",
            "the focal length of another resolution, of another lens, or in the wrong unit",
            f"check fx = {fx:g}: about {best * fx:.0f} fits the poses", _motion_picture(*pairs[len(pairs) // 2]),
        ),
    )  # fmt: skip


def pose_scale(footage: Footage) -> Result:
    """Distances between poses are in metres, as stereo or depth maps see them."""
    pairs = posed_pairs(footage)
    if not pairs:
        return not_looked(NO_POSES)
    by_stereo, by_map = poses_over_stereo(footage), poses_over_map(footage)
    ratio, witness = (by_stereo, "stereo") if by_stereo is not None else (by_map, "the depth maps")
    if ratio is None:
        return not_looked("neither stereo nor depth maps to compare with, or poses that explain too little")
    if footage.moments[0].reader.source.poses_up_to_scale:
        return _one_unit(ratio)
    seen = f"depth by poses is {ratio:.3g} times the depth by {witness}"
    if agrees(ratio) or agrees(by_map):
        return good(seen if agrees(ratio) else f"{seen}, but the depth maps agree with the poses (see baseline)")
    rig = _rig_that_agrees(footage, ratio) if by_stereo is not None and by_map is None else ""
    return bad(
        seen,
        Finding(
            "pose_scale", "error" if not 0.67 < ratio < 1.5 else "warning", ratio, "times as deep",
            f"{1 / MOST_APART:.2f} to {MOST_APART:.2f} times", seen,
            f"{describe_factor(ratio, POSE_FACTORS)}, or poses known up to a factor only (COLMAP)"
            + (f"; or {rig}" if rig else ""),
            f"divide the positions by {ratio:.4g}, if the {'calibration is' if rig else 'depth maps are'} right",
            _motion_picture(*pairs[len(pairs) // 2]),
        ),
    )  # fmt: skip


def _one_unit(ratio: float) -> Result:
    """Of a reconstruction: whether points and poses, and the images, are of the same one."""
    seen = f"up to one factor, as the points are: depth by poses is {ratio:.3g} times theirs"
    if agrees(ratio):
        return good(seen)
    return bad(
        seen,
        Finding(
            "pose_scale", "warning", ratio, "times as deep", f"{1 / MOST_APART:.2f} to {MOST_APART:.2f} times", seen,
            "points of another reconstruction than the poses, or images other than those that were reconstructed",
            "copy cameras, images and points3D of one model, and the images that COLMAP was given",
        ),
    )  # fmt: skip
