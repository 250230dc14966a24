"""Named protocols: which pixels count, how far, and where the truth comes from.

A score means something only beside the name of its protocol. Every number that belongs to one
benchmark (the Garg crop, the 80 m cap, the factor 5.4) stands in this table and nowhere else.
A protocol whose numbers change gets a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.errors import UserError

#: lidar_forward: raw velodyne scans, distance along the scanner's forward axis (Monodepth2's Eigen export);
#: improved: KITTI's accumulated depth PNGs; dataset: the data set's own depth; none: kept by a server.
GroundTruthKind = Literal["lidar_forward", "improved", "dataset", "none"]


@dataclass(frozen=True)
class Crop:
    """A window in fractions of the image size."""

    top: float
    bottom: float
    left: float
    right: float

    def window(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of the window; fractions are cut down to whole pixels, as published."""
        rows = slice(int(self.top * height), int(self.bottom * height))
        columns = slice(int(self.left * width), int(self.right * width))
        return rows, columns


#: Garg et al., ECCV 2016; on 375 x 1242 it is rows 153:371, columns 44:1197.
GARG_CROP = Crop(top=0.40810811, bottom=0.99189189, left=0.03594771, right=0.96405229)

#: KITTI's baseline (0.54 m) over Monodepth2's nominal one (0.1 units): metres = 5.4 * published network depth.
KITTI_STEREO_FACTOR = 5.4


@dataclass(frozen=True)
class Protocol:
    """How a set of predictions is scored."""

    name: str
    description: str
    min_depth: float  #: metres; predictions are clamped from below
    max_depth: float  #: metres; predictions are clamped from above
    crop: Crop | None  #: None: the whole image
    cap_ground_truth: bool  #: True: only min_depth < truth < max_depth counts; False: every truth > 0
    ground_truth: GroundTruthKind
    #: what turns depths of published stereo-trained KITTI files (no unit inside) into metres; None: no such thing
    published_stereo_factor: float | None = None
    version: int = 1

    def valid_mask(self, ground_truth: NDArray[np.floating]) -> NDArray[np.bool_]:
        """[h, w] bool: the pixels of a ground truth [h, w] (metres, 0 or non-finite = none) that count."""
        with np.errstate(invalid="ignore"):
            if self.cap_ground_truth:
                mask = (ground_truth > self.min_depth) & (ground_truth < self.max_depth)
            else:
                mask = (ground_truth > 0) & np.isfinite(ground_truth)
        if self.crop is not None:
            inside = np.zeros(mask.shape, dtype=bool)
            inside[self.crop.window(*mask.shape)] = True
            mask &= inside
        return mask


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
        "indoor",
        "rooms, the data set's own depth up to 10 m, no crop",
        1e-3, 10.0, None, True, "dataset",
    ),
)  # fmt: skip

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({protocol.name: protocol for protocol in _TABLE})

#: The protocol of a data set whose list is not a benchmark of its own.
_OF_DATASET = MappingProxyType(
    {
        "kitti": "kitti_lidar",
        "kitti_depth": "kitti_improved",
        "builtin": "builtin",
        "stereo_folder": "stereo_folder",
        "simsin": "indoor",
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


def find_protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UserError: if there is none.
    """
    if name not in PROTOCOLS:
        raise UserError(f"There is no evaluation protocol '{name}'; choose one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]
