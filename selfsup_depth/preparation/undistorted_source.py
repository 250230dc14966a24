"""A data set seen through pinhole cameras: images of a lens undistorted, stereo pairs rectified, all else as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.cameras import CameraRig, fit_rig
from selfsup_depth.datasets.prepared_files import Camera
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.preparation.pinholes import PinholeRig, pinhole_rig
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine


def through_pinholes(source: ViewSource) -> ViewSource:
    """The same source where its cameras are pinholes already by definition, else as `UndistortedSource`."""
    return UndistortedSource(source) if source.describes_lenses else source


class UndistortedSource(ViewSource):
    """What `source` lists, read through the pinhole cameras that its lenses and their poses give."""

    def __init__(self, source: ViewSource) -> None:
        super().__init__(source.request)
        self._source = source
        self.has_stereo, self.has_depth_maps = source.has_stereo, source.has_depth_maps
        self.poses_up_to_scale = source.poses_up_to_scale
        self._stereo = STEREO in source.request.frame_ids
        self._known: dict[tuple[str, tuple[int, int]], PinholeRig] = {}

    # ---------------------------------------------------------------- as it is

    def items(self) -> Sequence[SplitLine]:
        return self._source.items()

    def image_path(self, view: SplitLine) -> str:
        return self._source.image_path(view)

    def whereabouts(self, view: SplitLine) -> str:
        return self._source.whereabouts(view)

    def has_image(self, view: SplitLine) -> bool:
        return self._source.has_image(view)

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        return self._source.neighbour(item, frame)

    def has_depth(self, item: SplitLine) -> bool:
        return self._source.has_depth(item)

    def time_s(self, view: SplitLine) -> float | None:
        return self._source.time_s(view)

    def check_frames(self, frame_ids: Sequence[FrameId]) -> None:
        self._source.check_frames(frame_ids)

    def remedy(self, reason: str | None) -> str | None:
        return self._source.remedy(reason)

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        return self._source.left_out_beforehand()

    def rig(self, view: SplitLine) -> CameraRig:
        return self._source.rig(view)

    # ---------------------------------------------------------------- through other cameras

    def check_kept(self, items: Sequence[SplitLine]) -> None:
        """The source's own check would refuse what is mended here: each folder's cameras are looked at instead."""
        for item in {item.folder: item for item in items}.values():
            height, width = self._source.read_image(item).shape[-2:]
            self._pinholes(item, (width, height))

    def read_image(self, view: SplitLine) -> Tensor:
        image = self._source.read_image(view)
        height, width = image.shape[-2:]
        return self._pinholes(view, (width, height)).seen(_camera(view), image)

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]:
        """As training on the originals reads it, where nothing is undistorted."""
        if self._pinholes(view).rectifiers[_camera(view)] is None:
            return self._source.read_into(view, out)
        return super().read_into(view, out)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return self._pinholes(view, (width, height)).intrinsics[_camera(view)]

    def stereo_T_target(self, item: SplitLine) -> Tensor | None:
        if not self._stereo:
            return self._source.stereo_T_target(item)
        return self._pinholes(item).stereo_T(_camera(item))

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        pose = self._source.world_T_camera(view)
        if pose is None:
            return None
        return pose.double() @ self._pinholes(view).recorded_T_seen(_camera(view))

    def depth(self, item: SplitLine) -> np.ndarray | None:
        """At its own size, through the image's pinhole camera; each pixel is the nearest one: depths are not mixed."""
        recorded = self._source.depth(item)
        if recorded is None:
            return None
        height, width = recorded.shape
        rectifier = self._pinholes(item, (width, height)).rectifiers[_camera(item)]
        return recorded if rectifier is None else rectifier.depth(recorded)

    def _pinholes(self, view: SplitLine, size: tuple[int, int] | None = None) -> PinholeRig:
        """For images or depth maps of `size` (width, height); None: of the size of the rig.

        A lens is one pinhole camera, made at the size of the rig and then only resized: maps of every size fit.
        """
        rig = self._source.rig(view)
        if rig.right is None and _camera(view) == "right":
            rig = replace(rig, right=rig.left)
        facts, own_size = rig_facts(rig), rig.left.size
        if (facts, own_size) not in self._known:
            level = fit_rig(rig, own_size, self.image_path(view))
            self._known[facts, own_size] = pinhole_rig(level, stereo=self._stereo)
        asked = size or own_size
        if (facts, asked) not in self._known:
            fit_rig(rig, asked, self.image_path(view))  # refuses another shape
            self._known[facts, asked] = self._known[facts, own_size].resized(asked)
        return self._known[facts, asked]


def _camera(view: SplitLine) -> Camera:
    return "right" if view.side == "r" else "left"


def rig_facts(rig: CameraRig) -> str:
    """All numbers of a rig: other numbers, another text."""
    cameras = [camera for camera in (rig.left, rig.right) if camera is not None]
    told = [(camera.intrinsics.tolist(), camera.size, camera.distortion, camera.model) for camera in cameras]
    return str((told, None if rig.right_T_left is None else rig.right_T_left.tolist()))
