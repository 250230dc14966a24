"""Named protocols: which pixels count, how far, and where the truth comes from.

A score means something only beside the name of its protocol. Every number that belongs to one
benchmark (the Garg crop, the 80 m cap, the factor 5.4) stands in this table and nowhere else.
A protocol whose numbers change gets a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.metrics import DISTDEPTH_COLUMNS
from selfsup_depth.evaluation.protocol_rules import Crop, Protocol, Size

#: Garg et al., ECCV 2016; on 375 x 1242 it is rows 153:371, columns 44:1197.
GARG_CROP = Crop(top=0.40810811, bottom=0.99189189, left=0.03594771, right=0.96405229)

#: KITTI's baseline (0.54 m) over Monodepth2's nominal one (0.1 units): metres = 5.4 * published network depth.
KITTI_STEREO_FACTOR = 5.4


def _distdepth(
    name: str,
    description: str,
    *,
    truth_size: Size | None = None,
    uncropped_size: Size | None = None,
    align_corners: bool = True,
) -> Protocol:
    """The rules of DistDepth's evaluation (Wu et al., CVPR 2022, and its code), which is always indoors.

    The recipe's `--max_depth 12` for NYUv2 is the range of the network; the cap of the truth is 10 m there too.
    3 m is the plane of IBIMS-1 (Koch et al., ECCV Workshops 2018).
    """
    return Protocol(
        name, description, 1e-3, 10.0, None, True, "dataset",
        nearest_truth=0.01, includes_cap=True, truth_size=truth_size, uncropped_size=uncropped_size,
        resized="depth", align_corners=align_corners, median="lower", columns=DISTDEPTH_COLUMNS, plane=3.0,
    )  # fmt: skip


_TABLE = (
    Protocol(
        "eigen",
        "KITTI, 697 Eigen test frames, raw LiDAR, Garg crop, 80 m cap (the usual table of papers)",
        1e-3, 80.0, GARG_CROP, True, "lidar_forward", KITTI_STEREO_FACTOR,
    ),
    Protocol(
        "eigen_benchmark",
        "KITTI, 652 Eigen test frames with improved ground truth, no crop, truth not capped",
        1e-3, 80.0, None, False, "improved", KITTI_STEREO_FACTOR,
    ),
    Protocol(
        "benchmark",
        "KITTI depth prediction server: 500 anonymous images; writes the submission, scores nothing",
        0.0, 80.0, None, False, "none", KITTI_STEREO_FACTOR,
    ),
    Protocol(
        "kitti_lidar",
        "KITTI, other lists than eigen: raw LiDAR as camera depth, Garg crop, 80 m cap (not comparable with eigen)",
        1e-3, 80.0, GARG_CROP, True, "dataset", KITTI_STEREO_FACTOR,
    ),
    Protocol(
        "kitti_improved",
        "KITTI, other lists than eigen_benchmark: improved ground truth, no crop, truth not capped",
        1e-3, 80.0, None, False, "dataset", KITTI_STEREO_FACTOR,
    ),
    Protocol(
        "builtin",
        "built-in synthetic drive, exact camera depth of every pixel up to 80 m, no crop",
        1e-3, 80.0, None, True, "dataset",
    ),
    Protocol(
        "stereo_folder",
        "road scenes in left/right folders with their own depth maps, Garg crop, 80 m cap",
        1e-3, 80.0, GARG_CROP, True, "dataset",
    ),
    Protocol(
        "folder",
        "footage of one's own with its depth maps, 80 m cap, no crop",
        1e-3, 80.0, None, True, "dataset",
    ),
    # A reconstruction has any unit, so that no distance can be a cap: these are out of the way of all.
    Protocol(
        "colmap",
        "points of a COLMAP reconstruction, up to one factor as its poses are: every image is aligned first",
        1e-6, 1e6, None, False, "dataset", metric=False,
    ),
    Protocol(
        "indoor",
        "rooms, the data set's own depth up to 10 m, no crop",
        1e-3, 10.0, None, True, "dataset", plane=3.0,
    ),
    _distdepth(
        "va",
        "DistDepth's, 640x640, 0.01 to 10 m; published are the aligned scores (--eval_mono)",
        truth_size=(640, 640),
    ),
    _distdepth(
        "nyuv2",
        "as DistDepth, centre 448x608, 0.01 to 10 m; published are the aligned scores (--eval_mono)",
        truth_size=(448, 608),
        uncropped_size=(480, 640),
    ),
    # Nothing is published on it. DistDepth's rules, so that its scores stand beside those of va, at whatever size it
    # is rendered (512x512), and in the house's pixel convention: exact depth of 256x256 pixels scores abs_rel 0.0052
    # on built-in rooms of 640x640, and 0.0069 with aligned corners.
    _distdepth(
        "simsin",
        "DistDepth's rules at the depth's own size, 0.01 to 10 m",
        align_corners=False,
    ),
)  # fmt: skip

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({protocol.name: protocol for protocol in _TABLE})

#: The protocol of a data set whose list is not a benchmark of its own.
_OF_DATASET = MappingProxyType(
    {
        "kitti": "kitti_lidar",
        "kitti_depth": "kitti_improved",
        "builtin": "builtin",
        "builtin_indoor": "indoor",
        "folder": "folder",
        "stereo_folder": "stereo_folder",
        "simsin": "simsin",
        "va": "va",
        "nyuv2": "nyuv2",
        "tum": "indoor",
        "colmap": "colmap",
        "motorcycle": "indoor",
    }
)


def protocol_of_dataset(dataset: str) -> Protocol:
    """The protocol by which a data set's own depth is scored.

    Raises:
        UserError: for a data set without depth.
    """
    if dataset not in _OF_DATASET:
        raise UserError(
            f"--dataset {dataset} has no ground-truth depth to score against; "
            f"those that have it: {', '.join(_OF_DATASET)}."
        )
    return PROTOCOLS[_OF_DATASET[dataset]]


def protocol_of_validation(dataset: ViewDataset) -> Protocol | None:
    """The protocol by which training scores a data set: that of the originals where it was prepared from others.

    None for a data set that was opened without depth.

    Raises:
        UserError: for a data set whose layout has no depth.
    """
    return protocol_of_dataset(dataset.source.made_from or dataset.name_of_dataset) if dataset.has_depth else None


def find_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UserError: if there is none.
    """
    if name not in PROTOCOLS:
        raise UserError(f"There is no evaluation protocol '{name}'; choose one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
