"""What one data set file tells about its data; everything common is `base.ViewDataset`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.cameras.model import CameraRig
from selfsup_depth.datasets.files import DirectoryListing
from selfsup_depth.datasets.images import read_image, read_resized, resize_image
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

#: the other camera of a stereo pair; KITTI lists write sides as letters or as camera numbers
OTHER_SIDE = {"l": "r", "r": "l", "2": "3", "3": "2"}


class ViewSource(ABC):
    """Where the images of one data set lie and how its cameras stand.

    An image is named by (folder, frame, side), as in a split line; a data set file says what that
    means on disk. Image sizes are given by the caller, who has the decoded image, so that calibrations
    for another size can be scaled or refused.
    """

    #: whether there are stereo partners
    has_stereo: bool = False
    #: whether there can be ground-truth depth
    has_depth_maps: bool = False
    #: whether the lengths in `world_T_camera` are in a unit of their own (structure from motion), not in metres
    poses_up_to_scale: bool = False
    #: the value of --dataset that the originals were read with, where these are copies; their protocol is valid here
    made_from: str | None = None
    #: (width, height) of the images as recorded, of which these are smaller copies; None: they are what was recorded
    recorded_size: tuple[int, int] | None = None
    #: whether these are copies that were made when nothing told their camera: its focal length is a guess
    camera_is_guess: bool = False
    #: whether `rig` tells of cameras that may be distorted or, of a pair, not rectified; else `intrinsics` say it all
    describes_lenses: bool = False

    def __init__(self, request: DatasetRequest) -> None:
        self.request = request
        self.files = DirectoryListing()

    @abstractmethod
    def items(self) -> Sequence[SplitLine]:
        """The listed targets, in order."""

    @abstractmethod
    def image_path(self, view: SplitLine) -> str:
        """The file of an image, or where it would be if it existed."""

    def whereabouts(self, view: SplitLine) -> str:
        """Where a person finds an image: its file, of a video's frame the video and the time."""
        return self.image_path(view)

    @abstractmethod
    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        """[3, 3] intrinsics in pixels (corner origin) of the stored image of this size."""

    def rig(self, view: SplitLine) -> CameraRig:
        """The cameras by which an image was recorded, where `describes_lenses`: preparation undistorts with them."""
        raise NotImplementedError(f"{type(self).__name__} does not describe its lenses")

    def stereo_T_target(self, item: SplitLine) -> Tensor | None:
        """[4, 4] metres, target camera to its stereo partner; None for monocular data."""
        return None

    def has_depth(self, item: SplitLine) -> bool:
        """Whether `depth(item)` has something to read."""
        return False

    def depth(self, item: SplitLine) -> np.ndarray | None:
        """Ground truth of a target: float32 [h, w] metres at its own resolution, 0 = invalid.

        In the unit of `world_T_camera` where `depth_up_to_scale`.
        """
        return None

    @property
    def depth_up_to_scale(self) -> bool:
        """Whether `depth` is in a unit of its own: structure from motion has one unit for poses and points."""
        return self.poses_up_to_scale

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        """[4, 4] float64 metres, camera to world; None where the data has no pose of this image."""
        return None

    def time_s(self, view: SplitLine) -> float | None:
        """When the image was taken, seconds from any origin; None where the data does not say."""
        return None

    def check_kept(self, items: Sequence[SplitLine]) -> None:  # noqa: B027 (most sources need nothing more)
        """Raises UserError when something else that the usable items need is missing (a calibration)."""

    def check_frames(self, frame_ids: Sequence[FrameId]) -> None:  # noqa: B027 (most sources need nothing more)
        """Raises UserError when no item at all can have these frames, for a reason that is no item's own."""

    def remedy(self, reason: str | None) -> str | None:
        """What to do when no item of the part is left, mostly for this reason of the report (None: none was listed).

        None: what is said of any data set will do.
        """
        return None

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        """Items that `items()` does not list although they exist: reason -> names."""
        return {}

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        """The image that frame `frame` of `item` is; None when there can be none."""
        if frame == 0:
            return item
        if frame == STEREO:
            side = OTHER_SIDE.get(item.side or "")
            return None if side is None else SplitLine(item.folder, item.frame, side)
        number = item.frame + int(frame)
        return None if number < 0 else SplitLine(item.folder, number, item.side)

    def has_image(self, view: SplitLine) -> bool:
        """Whether the image exists, from directory listings alone."""
        return self.files.has(self.image_path(view))

    def read_image(self, view: SplitLine) -> Tensor:
        """[3, h, w] uint8 RGB."""
        return read_image(self.image_path(view))

    def fetch(self, views: Sequence[SplitLine]) -> None:  # noqa: B027 (most sources need nothing more)
        """Told which images are read next, so that what is far away can be asked for together."""

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]:
        """Fills `out` [3, H, W] uint8 with the image, resized to it; (height, width) of what `read_image` gives.

        Where that is a file as it lies, a large one is decoded at reduced size.
        """
        height, width = out.shape[-2:]
        if type(self).read_image is ViewSource.read_image:
            image, stored = read_resized(self.image_path(view), height, width)
        else:
            image = self.read_image(view)
            stored = (image.shape[-2], image.shape[-1])
            image = resize_image(image, height, width)
        out.copy_(image)
        return stored


def data_folder(request: DatasetRequest, dataset: str) -> str:
    """The data path of a request, without a trailing slash.

    Raises UserError when none is given or when there is no such directory.
    """
    if request.data_path is None:
        raise UserError(f"{dataset} is read from disk: give its folder as --data_path.")
    folder = os.path.expanduser(os.fspath(request.data_path))
    if not os.path.isdir(folder):
        raise UserError(
            f"--data_path {request.data_path} is not a folder: {dataset} was to be read from there; correct the path."
        )
    return folder.replace(os.sep, "/").rstrip("/")
