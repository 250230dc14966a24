"""By what a data set is known again: its images, and whatever else about them goes into a prepared set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor

from selfsup_depth.datasets import ViewSource
from selfsup_depth.datasets.folder_cameras import image_size
from selfsup_depth.datasets.index import item_name
from selfsup_depth.preparation.undistorted_source import UndistortedSource, rig_facts
from splits import SplitLine


class Fingerprints:
    """Of the views of one or several sources.

    Args:
        stereo: whether the transforms between two cameras are a part of it.
    """

    def __init__(self, *, stereo: bool) -> None:
        self._stereo = stereo
        self._sizes: dict[str, tuple[int, int]] = {}  # of images that are no files of their own

    def images(self, views: Iterable[tuple[ViewSource, SplitLine]]) -> str:
        """Names, sizes and times of change of the images."""
        listed = hashlib.sha256()
        for source, view in views:
            path = source.image_path(view)
            try:
                status = os.stat(path)
                mark = f"{status.st_size} {status.st_mtime_ns}"
            except OSError:  # images inside another file, or in memory
                mark = ""
            listed.update(f"{os.path.basename(path)} {item_name(view)} {mark}\n".encode())
        return listed.hexdigest()[:16]

    def cameras(self, views: Iterable[tuple[ViewSource, SplitLine]]) -> str:
        """Lens, intrinsics, partner, pose and time of each image."""
        listed = hashlib.sha256()
        for source, view in views:
            lens = rig_facts(source.rig(view)) if isinstance(source, UndistortedSource) else None
            known = (
                lens,
                _numbers(source.intrinsics(view, *self._size(source, view))),
                _numbers(source.stereo_T_target(view)) if self._stereo else None,
                _numbers(source.world_T_camera(view)),
                source.time_s(view),
            )
            listed.update(f"{known}\n".encode())
        return listed.hexdigest()[:16]

    def depth(self, views: Sequence[tuple[ViewSource, SplitLine]]) -> str:
        """The true depth of the views, by its values: it may come from several files (a scan and its calibration)."""
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            marks = pool.map(_depth_mark, views)
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]

    def _size(self, source: ViewSource, view: SplitLine) -> tuple[int, int]:
        """(width, height) of the stored image."""
        path = source.image_path(view)
        if os.path.isfile(path) and not path.endswith((".mat", ".npy", ".npz")):
            return image_size(path)
        where = f"{view.folder} {view.side}"
        if where not in self._sizes:
            height, width = source.read_image(view).shape[-2:]
            self._sizes[where] = (width, height)
        return self._sizes[where]


def _depth_mark(known: tuple[ViewSource, SplitLine]) -> str:
    source, view = known
    depth = source.depth(view)
    return "none" if depth is None else f"{depth.shape} {hashlib.sha256(depth.tobytes()).hexdigest()}"


def _numbers(values: Tensor | None) -> list[float] | None:
    return None if values is None else values.flatten().tolist()
