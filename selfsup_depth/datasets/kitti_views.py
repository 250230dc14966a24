"""What KITTI's three readers share: sides, frame files, and two ways to know the cameras."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import translation_transform
from selfsup_depth.datasets.index import STEREO_MISSING, TARGET_MISSING
from selfsup_depth.datasets.kitti_devkit import RectifiedCamera, stereo_transform
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource, data_folder
from selfsup_depth.errors import UserError
from splits import SplitLine

CAMERA_OF_SIDE = {"l": 2, "r": 3, "2": 2, "3": 3}
MISSING_FILES = (TARGET_MISSING, STEREO_MISSING)
NOMINAL_BASELINE_M = 0.54
#: Monodepth2's one matrix for all drives: fx / width, fy / height, principal point at the image's centre.
#: (Its centre is 0.5 W of integer pixels at the training size, ours the true centre: half a pixel between
#: them. The true centre is what its flip, which leaves K alone, takes for granted.)
PUBLISHED_FX, PUBLISHED_FY = 0.58, 1.92


class KittiSource(ViewSource):
    """Images of cameras 2 and 3, with each drive's calibration or the published constant."""

    has_stereo = True
    name: str
    default_split: str

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.root = data_folder(request, self.name)
        self.suffixes = (".png", ".jpg") if request.options.png else (".jpg", ".png")
        self.published = request.options.kitti_intrinsics == "published"
        self._cameras: dict[str, dict[int, RectifiedCamera]] = {}

    @abstractmethod
    def calibration_file(self, folder: str) -> str:
        """Where the calibration of a drive or sequence is."""

    @abstractmethod
    def read_cameras(self, folder: str) -> dict[int, RectifiedCamera]:
        """Cameras 2 and 3 from that file."""

    @abstractmethod
    def fitted(self, camera: RectifiedCamera, view: SplitLine, size: tuple[int, int]) -> Tensor:
        """Calibrated intrinsics [3, 3] for the stored image of this (width, height)."""

    def items(self) -> Sequence[SplitLine]:
        return self.request.split_lines(self.name, self.check_line, self.default_split)

    def check_line(self, line: SplitLine) -> None:
        """Raises ValueError when the line names no image of this data set."""
        if line.side not in CAMERA_OF_SIDE:
            raise ValueError("names no camera, expected 'folder frame side' with side l or r")

    def remedy(self, reason: str | None) -> str | None:
        return "check --data_path and --split, and that the archives are unpacked" if reason in MISSING_FILES else None

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        for folder in dict.fromkeys(item.folder for item in items):
            self.cameras(folder)

    def cameras(self, folder: str) -> dict[int, RectifiedCamera] | None:
        """The calibrated cameras of a drive; None without a file, which only `published` tolerates."""
        path = self.calibration_file(folder)
        if path not in self._cameras:
            if not self.files.has(path):
                if self.published:
                    return None
                raise UserError(
                    f"{path} is missing, and --kitti_intrinsics calibrated reads it: unpack the calibration "
                    "archive there, or use --kitti_intrinsics published (one camera for all drives, a "
                    f"nominal baseline of {NOMINAL_BASELINE_M} m)."
                )
            self._cameras[path] = self.read_cameras(folder)
        return self._cameras[path]

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        cameras = None if self.published else self.cameras(view.folder)
        if cameras is None:
            return intrinsics_matrix(PUBLISHED_FX * width, PUBLISHED_FY * height, 0.5 * width, 0.5 * height)
        return self.fitted(cameras[camera_number(view)], view, (width, height))

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        target = camera_number(item)
        cameras = self.cameras(item.folder)
        if cameras is not None:
            return stereo_transform(cameras[target], cameras[5 - target])
        towards_source = -NOMINAL_BASELINE_M if target == 2 else NOMINAL_BASELINE_M
        return translation_transform(torch.tensor([towards_source, 0.0, 0.0]))


def camera_number(view: SplitLine) -> int:
    """2 for left, 3 for right."""
    return CAMERA_OF_SIDE[view.side or ""]
