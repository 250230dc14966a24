"""Images that `prepare_data.py` has decoded, undistorted and resized: read without any of that (`prepared_files`).

A set made from a data set with parts keeps them, so that training from it is training from the originals. A set made
from videos is divided here as any footage without a list is (`held_out`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.datasets.footage_refusals import refuse_options
from selfsup_depth.datasets.held_out import (
    Frame,
    frames_left_out,
    furthest_neighbour,
    hold_out,
    more_to_validate_on,
)
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.prepared_files import (
    MANIFEST,
    WHEN_PREPARED,
    Camera,
    StoredView,
    depth_file,
    depth_member,
    images_file,
    read_manifest,
    read_views,
)
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource, data_folder
from selfsup_depth.datasets.storage import LocalStorage, Storage
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

AS_PREPARED = "it is decided when data are prepared: leave it out, or prepare anew with it"
DECIDED = dict.fromkeys(
    ("calibration", "fov", "baseline", "stereo_layout", "right_video", "frame_step", "fps", "min_motion"), AS_PREPARED
)
OTHER_CAMERA: dict[Camera, Camera] = {"left": "right", "right": "left"}


class Unnamed(Sequence[str]):
    """Frames of which a prepared set keeps the number alone: each is called by the file that says so."""

    def __init__(self, count: int, root: str) -> None:
        self._names = range(count)
        self._example = f"counted in {root}/{MANIFEST}"

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """A slice names the file once, not for every frame."""
        if isinstance(index, slice):
            return [self._example] if self._names[index] else []
        self._names[index]  # raises IndexError
        return self._example


class Prepared(ViewSource):
    """A folder that prepare_data.py has made, at the size that it was made for."""

    name = "prepared"

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        refuse_options(self.name, request.options.footage, DECIDED)
        self.storage = self.open_storage(request)
        self.root = str(self.storage)
        self.manifest = read_manifest(self.storage)
        self.refuse_other_files()
        self._refuse_another_size()
        self._refuse_other_frames(request.frame_ids)
        self.has_stereo, self.has_depth_maps = self.manifest.has_stereo, self.manifest.has_depth
        self.made_from = self.manifest.made_from
        self.poses_up_to_scale = self.manifest.poses_up_to_scale
        self.recorded_size, self.camera_is_guess = self.manifest.recorded_size, self.manifest.camera_is_guess
        self._views = self.read_all_views()
        self._by_moment = {(*view.moment, view.camera): view for view in self._views}
        self._by_name = {view.name: view for view in self._views}
        if self.manifest.parts is not None:  # in some data sets images of different parts have the same names
            runs = {self._views[index].moment[:2] for index in self._targets_of_part(self.manifest.parts)}
            self._by_name |= {view.name: view for view in self._views if view.moment[:2] in runs}
        self._shards: dict[str, np.ndarray] = {}

    def open_storage(self, request: DatasetRequest) -> Storage:
        """Where the files are. Raises UserError when there is no such place."""
        return LocalStorage(Path(data_folder(request, self.name)))

    def refuse_other_files(self) -> None:
        """Raises UserError when the images are not in the kind of file that is read here."""
        if self.manifest.stored_as != "arrays":
            raise UserError(f"{self.root} is a set of tar shards: read it with --dataset shards.")

    def read_all_views(self) -> list[StoredView]:
        """Every image of the set. Raises UserError when a file that says so is missing or damaged."""
        return read_views(self.storage, self.manifest.shards)

    def __getstate__(self) -> dict[str, Any]:
        """For a loader worker: it maps the files itself; a pickled map would be a copy of all images."""
        return self.__dict__ | {"_shards": {}}

    def items(self) -> Sequence[SplitLine]:
        if self.request.has_list:
            return self.request.split_lines(self.name, self._check_line)
        parts = self.manifest.parts
        if parts is not None:
            return [self._views[index].name for index in self._targets_of_part(parts)]
        if not self._is_divided:
            return [view.name for view in self._targets()]
        kept, held_out = self._division
        frames = kept if self.request.part == "train" else held_out
        return [view.name for view in self._targets() if _frame_of(view) in frames]

    def left_out_beforehand(self) -> Mapping[str, Sequence[str]]:
        if self.request.part != "train" or self.request.has_list:
            return {}
        dropped = {
            f"{reason} {WHEN_PREPARED}": Unnamed(count, self.root)
            for reason, count in self.manifest.dropped.items()
        }
        if not self._is_divided:
            return dropped
        views = self._targets()
        left_out = frames_left_out([_frame_of(view) for view in views], *self._division)
        return dropped | {
            reason: [item_name(views[index].name) for index in indices] for reason, indices in left_out.items()
        }

    def remedy(self, reason: str | None) -> str | None:
        return more_to_validate_on(furthest_neighbour(self.request.frame_ids)) if self._is_divided else None

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == 0:
            return item
        view = self._by_name.get(item)
        if view is None:
            return None
        sequence, run, position = view.moment
        if frame == STEREO:
            found = self._by_moment.get((sequence, run, position, OTHER_CAMERA[view.camera]))
        else:
            found = self._by_moment.get((sequence, run, position + int(frame), view.camera))
        return None if found is None else found.name

    def has_image(self, view: SplitLine) -> bool:
        return view in self._by_name

    def image_path(self, view: SplitLine) -> str:
        found = self._by_name.get(view)
        if found is None:
            return f"{self.root}, {item_name(view)}"
        return f"{self.root}/{images_file(found.camera, found.shard)}, row {found.row}"

    def whereabouts(self, view: SplitLine) -> str:
        found = self._by_name.get(view)
        if found is None or self.made_from != "video":
            return item_name(view)
        sequence = found.moment[0]
        files = self.manifest.videos.get(sequence, [sequence])
        file = files[-1] if found.camera == "right" else files[0]
        half = f", {found.camera} image" if self.has_stereo and len(files) == 1 else ""
        when = f", frame {found.number}" if found.time_s is None else f" at {found.time_s:.2f} s"
        return f"{file}{when}{half}"

    def read_image(self, view: SplitLine) -> Tensor:
        found = self._by_name[view]
        # copied: what a caller does to a tensor must not reach the mapped file's pages
        return torch.from_numpy(np.array(self._images(found)[found.row]))

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]:
        found = self._by_name[view]
        out.numpy()[...] = self._images(found)[found.row]
        return self.manifest.height, self.manifest.width

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return torch.tensor(self._by_name[view].intrinsics, dtype=torch.float64).view(3, 3)

    def stereo_T_target(self, item: SplitLine) -> Tensor | None:
        return _transform(self._by_name[item].stereo_T_target)

    def world_T_camera(self, view: SplitLine) -> Tensor | None:
        return _transform(self._by_name[view].world_T_camera)

    def time_s(self, view: SplitLine) -> float | None:
        return self._by_name[view].time_s

    def has_depth(self, item: SplitLine) -> bool:
        found = self._by_name.get(item)
        return found is not None and found.has_depth

    def depth(self, item: SplitLine) -> np.ndarray | None:
        found = self._by_name[item]
        path = f"{self.root}/{depth_file(found.shard)}"
        try:
            with np.load(path) as maps:
                return np.asarray(maps[depth_member(found.camera, found.row)])
        except Exception as error:  # a damaged archive raises whatever the parser stumbles over
            raise self._damaged(path, error) from error

    def _images(self, view: StoredView) -> np.ndarray:
        """The mapped images [n, 3, H, W] of a view's shard."""
        name = images_file(view.camera, view.shard)
        known = self._shards.get(name)
        if known is not None:
            return known
        path = f"{self.root}/{name}"
        try:
            images = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged(path, error) from error
        expected = (3, self.manifest.height, self.manifest.width)
        if images.dtype != np.uint8 or images.shape[1:] != expected or view.row >= len(images):
            raise self._damaged(path, f"it holds {images.dtype} {list(images.shape)}")
        self._shards[name] = images
        return images

    @property
    def _is_divided(self) -> bool:
        return self.manifest.parts is None and not self.request.has_list and self.request.part != "test"

    @cached_property
    def _division(self) -> tuple[set[Frame], set[Frame]]:
        frames = [_frame_of(view) for view in self._views]
        return hold_out(frames, furthest_neighbour(self.request.frame_ids))

    def _targets_of_part(self, parts: Mapping[str, Sequence[int]]) -> Sequence[int]:
        """Indices into the views; there is no part for testing, validation is nearest to it."""
        return parts[self.request.part if self.request.part in parts else "val"]

    def _targets(self) -> list[StoredView]:
        """Both cameras' images for training, the left ones for anything else."""
        return [view for view in self._views if view.camera == "left" or self.request.part == "train"]

    def _check_line(self, line: SplitLine) -> None:
        if line not in self._by_name:
            example = item_name(self._views[0].name) if self._views else "none"
            raise ValueError(f"is not in {self.root}, whose images are named like '{example}'")

    def _refuse_another_size(self) -> None:
        height, width = self.manifest.height, self.manifest.width
        if (self.request.height, self.request.width) != (height, width):
            raise UserError(
                f"{self.root} was prepared for --height {height} --width {width}, but --height {self.request.height} "
                f"--width {self.request.width} is asked for: give the former, or prepare another set."
            )

    def _refuse_other_frames(self, frame_ids: Sequence[FrameId]) -> None:
        if STEREO in frame_ids and not self.manifest.has_stereo:
            raise UserError(
                f"{self.root} was prepared without images of a second camera, which --use_stereo needs: prepare it "
                "anew with --use_stereo (of a video: with --stereo_layout or --right_video), or leave out --use_stereo."
            )
        known = self.manifest.frame_ids
        if known is not None and not set(frame_ids) <= {*known, STEREO}:
            raise UserError(
                f"{self.root} was prepared for --frame_ids {_words(known)}, but {_words(frame_ids)} is asked for: "
                "prepare it anew with these, or train with fewer."
            )

    def _damaged(self, path: str, reason: object) -> UserError:
        return UserError(
            f"{path} cannot be read as a part of a prepared set ({reason}): delete {self.root} and prepare it again."
        )


def _frame_of(view: StoredView) -> Frame:
    return view.moment[0], view.number


def _transform(entries: tuple[float, ...] | None) -> Tensor | None:
    return None if entries is None else torch.tensor(entries, dtype=torch.float64).view(4, 4)


def _words(frame_ids: Sequence[FrameId]) -> str:
    return " ".join(str(frame) for frame in frame_ids if frame != STEREO)
