"""What a protocol can say: which pixels count, how predictions are brought to them, where the truth comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.alignment import MedianRule
from selfsup_depth.evaluation.metrics import MONODEPTH2_COLUMNS

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


Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Protocol:
    """How a set of predictions is scored."""

    name: str
    description: str
    min_depth: float  #: metres; predictions are clamped from below
    max_depth: float  #: metres; predictions are clamped from above
    crop: Crop | None  #: None: the whole image
    cap_ground_truth: bool  #: True: only truth between nearest_truth and max_depth counts; False: every truth > 0
    ground_truth: GroundTruthKind
    #: what turns depths of published stereo-trained KITTI files (no unit inside) into metres; None: no such thing
    published_stereo_factor: float | None = None
    version: int = 1
    nearest_truth: float | None = None  #: metres; with a cap, only truth beyond this counts; None: min_depth
    includes_cap: bool = False  #: whether truth of exactly max_depth counts
    truth_size: Size | None = None  #: the one size of ground truth that it is defined for; None: any
    uncropped_size: Size | None = None  #: ground truth of this size is centre-cropped to truth_size
    #: what is resized to the ground truth's size, bilinearly without smoothing: Monodepth2 resizes 1 / depth,
    #: DistDepth depth
    resized: Literal["inverse_depth", "depth"] = "inverse_depth"
    #: the resize maps corner pixels' centres onto each other (True) or the image's borders (False, the house's way)
    align_corners: bool = False
    median: MedianRule = "mean"
    columns: tuple[str, ...] = MONODEPTH2_COLUMNS  #: what the printed table shows; files hold every number
    plane: float = 10.0  #: metres; the extra "edges" asks on which side of this distance each pixel is seen
    #: whether the truth is in metres; else it is up to one factor itself, every length above is in its unit, and
    #: aligned scores are the only ones
    metric: bool = True

    def fit(self, ground_truth: NDArray[np.floating], name: str) -> NDArray[np.floating]:
        """The part of a ground truth [H, W] that is scored: the map itself, or its centre.

        Raises:
            UserError: naming the image, when the protocol is not defined for maps of this size.
        """
        if self.truth_size is None or ground_truth.shape == self.truth_size:
            return ground_truth
        (height, width), whole = self.truth_size, self.uncropped_size
        if whole is None or ground_truth.shape != whole:
            sizes = [f"{h}x{w}" for h, w in (self.truth_size, whole or self.truth_size)]
            raise UserError(
                f"The ground truth of {name} has {'x'.join(map(str, ground_truth.shape))} pixels, but protocol "
                f"{self.name} is defined on {' or '.join(dict.fromkeys(sizes))}: give the maps at that size, or use "
                "--protocol indoor, whose scores are not comparable with published ones."
            )
        top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
        return ground_truth[top : top + height, left : left + width]

    @property
    def unit(self) -> str:
        """Of the truth and of everything that is aligned with it."""
        return "metres" if self.metric else "units of the reconstruction"

    @property
    def counts_from(self) -> float:
        """Metres: with a cap, truth beyond this counts."""
        return self.min_depth if self.nearest_truth is None else self.nearest_truth

    def valid_mask(self, ground_truth: NDArray[np.floating]) -> NDArray[np.bool_]:
        """[h, w] bool: the pixels of a ground truth [h, w] (metres, 0 or non-finite = none) that count."""
        with np.errstate(invalid="ignore"):
            if self.cap_ground_truth:
                mask = ground_truth > self.counts_from
                mask &= ground_truth <= self.max_depth if self.includes_cap else ground_truth < self.max_depth
            else:
                mask = (ground_truth > 0) & np.isfinite(ground_truth)
        if self.crop is not None:
            inside = np.zeros(mask.shape, dtype=bool)
            inside[self.crop.window(*mask.shape)] = True
            mask &= inside
        return mask
