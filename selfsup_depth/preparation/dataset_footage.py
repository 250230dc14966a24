"""Any data set of the library as footage: just the images that training and validation look at, in their order."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

import torch

from geometry.camera import resize_intrinsics
from selfsup_depth.datasets import ViewDataset, ViewSource
from selfsup_depth.datasets.index import item_name
from selfsup_depth.datasets.prepared_files import CAMERAS, Camera, StoredView
from selfsup_depth.datasets.training_size import least_fitting
from selfsup_depth.errors import UserError
from selfsup_depth.preparation.frames import Dropped, Footage, Moment, Place, ReadyView
from selfsup_depth.preparation.identity import Fingerprints
from selfsup_depth.preparation.undistorted_source import UndistortedSource
from selfsup_depth.structures import STEREO
from splits import SplitLine

CAMERA_OF_SIDE: dict[str | None, Camera] = {"r": "right", "3": "right"}  # KITTI's lists also write camera numbers
DepthKept = Literal["validation", "all"]
#: So many images, evenly spread, are asked for their size before anything begins.
SIZES_LOOKED_AT = 8


@dataclass
class _Image:
    """One image, and to which others it is a neighbour."""

    source: ViewSource
    view: SplitLine
    camera: Camera
    near: list[tuple[str, int]] = field(default_factory=list)  # path, steps in time
    keeps_depth: bool = False
    always_kept: bool = False


@dataclass
class _Shot:
    """Images of one time."""

    sequence: str
    run: int
    gap: int
    images: dict[Camera, _Image] = field(default_factory=dict)


def _sizes(dataset: ViewDataset) -> list[tuple[int, int]]:
    """(width, height) of a few images, evenly spread."""
    images = [dataset.image(index) for index in range(0, len(dataset), max(1, len(dataset) // SIZES_LOOKED_AT))]
    return [(image.shape[-1], image.shape[-2]) for image in images]


def _is_guess(source: ViewSource, view: SplitLine) -> bool:
    return (source.describes_lenses or isinstance(source, UndistortedSource)) and source.rig(view).is_guess


class DatasetFootage(Footage):
    """What two data sets (training, validation) need of their images, undistorted where their cameras are not pinholes.

    Raises UserError when neighbours in time do not stand in one order.
    """

    def __init__(self, training: ViewDataset, validation: ViewDataset, depth: DepthKept) -> None:
        self.made_from = training.name_of_dataset
        self.height, self.width = training.request.height, training.request.width
        self.frame_ids = training.request.frame_ids
        self.has_stereo = STEREO in training.request.frame_ids
        self.poses_up_to_scale = training.source.poses_up_to_scale
        self.recorded_size = least_fitting(_sizes(training), (self.width, self.height))
        self.camera_is_guess = any(_is_guess(training.source, item) for item in training.items)
        self.index = {"train": asdict(training.report), "val": asdict(validation.report)}
        self._parts: dict[str, list[str]] = {}
        self._images: dict[str, _Image] = {}
        for part, dataset in (("train", training), ("val", validation)):
            keeps_depth = depth == "all" or part == "val"
            self._parts[part] = [self._add(dataset, item, keeps_depth) for item in dataset.items]
        self._shots = self._in_order()
        self.total = len(self._shots)

    def identity(self) -> dict[str, Any]:
        """All that goes into the set: images by name, size and time of change, cameras, poses and depth by value."""
        known = Fingerprints(stereo=self.has_stereo)
        views = [(image.source, image.view) for image in self._images.values()]
        with_depth = [(image.source, image.view) for image in self._images.values() if image.keeps_depth]
        return {
            "images": f"{len(views)} images, {known.images(views)}",
            "cameras": known.cameras(views),
            "camera_is_guess": self.camera_is_guess,
            "depth": f"{len(with_depth)} maps, {known.depth(with_depth)}",
            "targets": {part: self._listed(paths) for part, paths in self._parts.items()},
        }

    def _listed(self, paths: Sequence[str]) -> str:
        names = "\n".join(item_name(self._images[path].view) for path in paths)
        return f"{len(paths)} targets, {hashlib.sha256(names.encode()).hexdigest()[:16]}"

    def moments(self, after: Place | None) -> Iterator[Moment | Dropped]:
        for number in range(0 if after is None else after.number + 1, len(self._shots)):
            shot = self._shots[number]
            first = next(iter(shot.images.values()))
            yield Moment(
                shot.sequence,
                shot.run,
                number,
                first.source.time_s(first.view),
                partial(self._load, shot),
                shot.gap,
                any(image.always_kept for image in shot.images.values()),
            )

    def parts(self, views: Sequence[StoredView]) -> dict[str, list[int]]:
        index: dict[str, int] = {}
        for position, view in enumerate(views):
            image = self._shots[view.number].images[view.camera]
            index[image.source.image_path(image.view)] = position
        return {part: [index[path] for path in paths if path in index] for part, paths in self._parts.items()}

    # ---------------------------------------------------------------- which images

    def _add(self, dataset: ViewDataset, item: SplitLine, keeps_depth: bool) -> str:
        """A target and its neighbours; returns the path of its image."""
        source = dataset.source
        target = self._image(source, item)
        target.keeps_depth |= keeps_depth and source.has_depth(item)
        target.always_kept |= dataset.request.frame_ids == (0,)  # nothing is compared with it: motion does not matter
        here = source.image_path(item)
        needed = dataset.request.frame_ids
        for frame in (self.frame_ids or ())[1:]:  # a target to be scored needs none; reports show those that exist
            view = source.neighbour(item, frame)
            if view is None or not source.has_image(view):
                if frame in needed:  # the index has only items whose frames exist
                    raise AssertionError(f"{item_name(item)} has no frame {frame}")
                continue
            there = source.image_path(view)
            steps = 0 if frame == STEREO else int(frame)
            target.near.append((there, steps))
            self._image(source, view).near.append((here, -steps))
        return here

    def _image(self, source: ViewSource, view: SplitLine) -> _Image:
        path = source.image_path(view)
        if path not in self._images:
            self._images[path] = _Image(source, view, CAMERA_OF_SIDE.get(view.side, "left"))
        return self._images[path]

    def _in_order(self) -> list[_Shot]:
        """Images that are neighbours of each other are a run; runs in the order of their first targets."""
        placed: set[str] = set()
        shots: list[_Shot] = []
        for path in self._images:
            if path not in placed:
                run = self._run_of(path)
                placed |= set(run)
                shots += self._shots_of(run, number=len(placed))
        return shots

    def _run_of(self, start: str) -> dict[str, int]:
        """Path -> steps in time from the first one, of all images that can be reached from neighbour to neighbour."""
        steps = {start: 0}
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there, offset in self._images[here].near:
                if there not in steps:
                    steps[there] = steps[here] + offset
                    queue.append(there)
        return steps

    def _shots_of(self, run: dict[str, int], number: int) -> list[_Shot]:
        shots: dict[int, _Shot] = {}
        latest: int | None = None
        sequence = self._images[next(iter(run))].view.folder
        for path, step in sorted(run.items(), key=lambda entry: entry[1]):
            image = self._images[path]
            if step not in shots:
                shots[step] = _Shot(sequence, number, 1 if latest is None else step - latest)
                latest = step
            known = shots[step].images.setdefault(image.camera, image)
            if known is not image:
                raise UserError(
                    f"{path} and {known.source.image_path(known.view)} are both the frame at the same distance from "
                    f"{next(iter(run))}: their neighbours do not stand in one order, so they cannot be prepared; "
                    "train from the originals."
                )
        for shot in shots.values():  # whichever was listed first
            shot.images = {camera: shot.images[camera] for camera in CAMERAS if camera in shot.images}
        return list(shots.values())

    # ---------------------------------------------------------------- their content

    def _load(self, shot: _Shot) -> dict[Camera, ReadyView]:
        return {camera: self._load_one(image) for camera, image in shot.images.items()}

    def _load_one(self, image: _Image) -> ReadyView:
        """As `ViewDataset` reads it for training."""
        source, view = image.source, image.view
        pixels = torch.empty(3, self.height, self.width, dtype=torch.uint8)
        height, width = source.read_into(view, pixels)
        intrinsics = resize_intrinsics(
            source.intrinsics(view, width, height), self.width / width, self.height / height
        )
        return ReadyView(
            view,
            pixels,
            intrinsics.float(),
            source.stereo_T_target(view) if self.has_stereo else None,
            source.world_T_camera(view),
            source.depth(view) if image.keeps_depth else None,
        )
