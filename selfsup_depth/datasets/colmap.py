"""A COLMAP project: images with a camera and a pose each.

    data_path/images/...          as COLMAP was given them (--image_path), folders below it included
    data_path/sparse/0/           or sparse/: cameras, images and points3D, as .bin or as .txt

An item is `<sequence> <number> l`: `cam0/walk_0012.jpg` is number 12 of the sequence `cam0/walk`. Neighbours in time
are the images of a sequence in order of their numbers; a gap in the numbers means that frames are missing between.
Images that COLMAP did not register are left out and counted. A list may also name an image by its path below images/.

The unit of a reconstruction is arbitrary: poses and points are up to one factor, as is what is learnt from one
camera. Nothing here is in metres (`poses_up_to_scale`): the points that an image sees are its true depth for who
aligns before comparing.

Images have to be without distortion: the networks' geometry is a pinhole camera's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.cameras import CameraRig, fit_camera, read_rig
from selfsup_depth.datasets.colmap_model import read_model
from selfsup_depth.datasets.colmap_names import ImagePlace, OrderedImages
from selfsup_depth.datasets.colmap_records import colmap_camera
from selfsup_depth.datasets.footage_refusals import BY_PREPARATION, OF_ONE_CAMERA, refuse_options
from selfsup_depth.datasets.footage_source import FootageSource
from selfsup_depth.datasets.frame_order import passed_over
from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.datasets.index import TARGET_MISSING
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import data_folder
from selfsup_depth.errors import UserError
from splits import SplitLine

MEANINGLESS = {
    **OF_ONE_CAMERA,
    "fov": "COLMAP found the cameras: leave it out, or replace them by --calibration",
    "fps": "its images have no times: choose frames by --frame_step",
    "min_motion": BY_PREPARATION,
}
UNREGISTERED = "not registered in {}"
#: An image is scored after its median depth is aligned, of which a handful of points would be proof of anything.
FEWEST_POINTS = 20


class ColmapProject(FootageSource):
    """Registered images as single views of one camera each; poses are up to scale."""

    name = "colmap"
    describes_lenses = True
    has_depth_maps = True
    #: lengths of `world_T_camera` and `depth` are in the reconstruction's own unit, not in metres
    poses_up_to_scale = True

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.root = data_folder(request, self.name)
        footage = request.options.footage
        refuse_options(self.name, footage, MEANINGLESS)
        if not os.path.isdir(f"{self.root}/images"):
            raise UserError(
                f"{self.root}/images is missing: expected the images that COLMAP was given there, beside sparse/; copy "
                "or link them there."
            )
        self.model = read_model(Path(self.root))
        size = next(iter(self.model.cameras.values())).size
        self._given = None if footage.calibration is None else read_rig(footage.calibration, size=size)
        self._rigs: dict[int, CameraRig] = {}

    def to_item(self, line: SplitLine) -> SplitLine:
        by_path = line.side is None and line.folder in self.model.images
        place = ImagePlace.of(line.folder) if by_path else ImagePlace(line.folder, line.frame)
        if self._ordered.name(place) is None:
            raise ValueError(
                f"{self.model.folder} registered no such image, expected '<sequence> <number> l', or a path below "
                "images/"
            )
        if place not in self._taken:
            raise ValueError(f"it is one of those {passed_over(self.request.options.footage)}")
        return _item(place)

    def found(self) -> tuple[list[SplitLine], Mapping[str, Sequence[str]]]:
        others = {
            UNREGISTERED.format(self.model.folder): self._ordered.unregistered,
            passed_over(self.request.options.footage): self._ordered.passed_over,
        }
        return [_item(place) for place in self._ordered.taken], others

    def remedy(self, reason: str | None) -> str | None:
        if reason == TARGET_MISSING:
            return f"{self.root}/images has to be the folder that COLMAP was given as --image_path"
        return super().remedy(reason)

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        for item in items:
            self._pinhole(item)

    def next_in_time(self, view: SplitLine, offset: int) -> SplitLine | None:
        place = self._ordered.neighbour(_place(view), offset)
        return None if place is None else _item(place)

    def image_name(self, view: SplitLine) -> str:
        """What COLMAP calls an image: its path below images/."""
        name = self._ordered.name(_place(view))
        assert name is not None, view  # views are made from registered images
        return name

    def image_path(self, view: SplitLine) -> str:
        return f"{self.root}/images/{self.image_name(view)}"

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        rig = self._pinhole(view)
        return fit_camera(rig.left, (width, height), rig.source, self.image_path(view)).intrinsics

    def world_T_camera(self, view: SplitLine) -> Tensor:
        """[4, 4] float64, camera to world, in the reconstruction's unit: up to scale, as `poses_up_to_scale` says."""
        return torch.from_numpy(self.model.images[self.image_name(view)].world_T_camera)

    def has_depth(self, item: SplitLine) -> bool:
        name = self._ordered.name(_place(item))
        return name is not None and self.model.sees_points(name, FEWEST_POINTS)

    def depth(self, item: SplitLine) -> np.ndarray:
        """Depth of the points that an image sees, float32 [h, w] of the shape that COLMAP saw, 0 = none.

        Up to scale, in the unit of `world_T_camera`. Raises UserError when the points are missing or damaged.
        """
        return self.model.sparse_depth(self.image_name(item))

    def rig(self, view: SplitLine) -> CameraRig:
        """The camera by which an image was recorded.

        Raises UserError when it is of a model that cannot be expressed here.
        """
        if self._given is not None:
            return self._given
        record = self.model.camera(self.image_name(view))
        if record.number not in self._rigs:
            source = f"{record.file}, camera {record.number} ({record.model})"
            self._rigs[record.number] = CameraRig(colmap_camera(record), source=source)
        return self._rigs[record.number]

    def _pinhole(self, view: SplitLine) -> CameraRig:
        """Raises UserError when the camera is distorted."""
        rig = self.rig(view)
        if rig.is_distorted:
            raise UserError(
                f"{rig.source} tells of lens distortion, but images are used as they lie here: undistort them once "
                "with prepare_data.py, and train from what it writes (--dataset prepared), or with COLMAP's "
                "image_undistorter, and give its output folder as --data_path."
            )
        return rig

    @cached_property
    def _ordered(self) -> OrderedImages:
        return OrderedImages(
            list(self.model.images),
            _names_below(f"{self.root}/images"),
            every=self.request.options.footage.frame_step,
        )

    @cached_property
    def _taken(self) -> set[ImagePlace]:
        return set(self._ordered.taken)


def _item(place: ImagePlace) -> SplitLine:
    return SplitLine(place.sequence, place.number, "l")


def _place(view: SplitLine) -> ImagePlace:
    return ImagePlace(view.folder, view.frame)


def _names_below(folder: str) -> list[str]:
    """Paths of all images below a folder, hidden ones apart."""
    found = []
    for place, _, names in os.walk(folder, followlinks=True):
        below = os.path.relpath(place, folder).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        found += [prefix + name for name in names if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != "."]
    return found
