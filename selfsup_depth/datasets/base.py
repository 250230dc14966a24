"""Samples from any data set: index once, read only what is asked for, keep geometry with the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from geometry.camera import check_intrinsics, resize_intrinsics
from selfsup_depth.datasets.augmentation import draw_augmentation
from selfsup_depth.datasets.index import item_name, usable_items
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import ViewSource
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, Augmentation, IndexReport, Sample
from splits import SplitLine

#: an index, or (epoch, index): the augmentation of a sample depends on both
SampleKey = int | tuple[int, int]


class ReadsViews(Protocol):
    """What gives images of a size: a source, or a memory of them."""

    def read_into(self, view: SplitLine, out: Tensor) -> tuple[int, int]: ...


class ViewDataset(Dataset[Sample]):
    """The items of one part of one data set, each as a `Sample` of uint8 images with their cameras.

    `report` says what was listed, kept and left out, and why. Raises UserError when nothing is left, when
    "s" is asked of monocular data, when depth is asked of data without any, and when intrinsics are
    implausible.
    """

    report: IndexReport
    #: all images in memory, once `held_images.hold_images` has read them
    held: ReadsViews | None = None

    def __init__(self, name: str, source: ViewSource, request: DatasetRequest) -> None:
        self.name_of_dataset = name
        self.source = source
        self.request = request
        self.items, self.report = usable_items(name, source, request)
        source.check_kept(self.items)
        self._checked: set[tuple[tuple[float, ...], int, int]] = set()
        first = torch.empty(3, request.height, request.width, dtype=torch.uint8)
        self._read_frame(self.items[0], first)  # wrong calibrations are said now, not after the first epoch began

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, key: SampleKey) -> Sample:
        """The sample at an index (epoch 0), or at (epoch, index)."""
        epoch, index = _parts_of(key)
        item = self.items[index]
        request = self.request
        drawn = draw_augmentation(request.seed, epoch, index) if request.is_train else Augmentation()
        images = torch.empty(len(request.frame_ids), 3, request.height, request.width, dtype=torch.uint8)
        views = self._views(index)
        if self.held is None:
            self.source.fetch(views)
        intrinsics = [self._read_frame(view, out) for view, out in zip(views, images, strict=True)]
        wants_stereo = STEREO in request.frame_ids
        return Sample(
            frame_ids=request.frame_ids,
            images=images,
            intrinsics=torch.stack(intrinsics),
            stereo_T_target=self._stereo_T_target(item) if wants_stereo else None,
            depth=self._depth_tensor(item) if request.with_depth else None,
            index=index,
            name=item_name(item),
            augmentation=drawn,
        )

    def __getitems__(self, keys: Sequence[SampleKey]) -> list[Sample]:
        """Several samples, as a DataLoader asks for those of a batch: what they need is fetched together."""
        if self.held is None:
            self.source.fetch([view for key in keys for view in self._views(_parts_of(key)[1])])
        return [self[key] for key in keys]

    def recorded(self, *, with_depth: bool = False) -> ViewDataset:
        """The same items as they were recorded: the targets alone, neither mirrored nor jittered.

        Raises UserError when depth is asked for and an item has none.
        """
        if with_depth:
            without = [self.name(i) for i, item in enumerate(self.items) if not self.source.has_depth(item)]
            if without:
                raise UserError(
                    f"{len(without)} of the {len(self)} items of {self.name_of_dataset} have no ground-truth depth, "
                    f"for example {without[0]}: leave them out, or choose what needs no depth."
                )
        same = copy(self)
        same.request = replace(self.request, frame_ids=(0,), is_train=False, with_depth=with_depth)
        return same

    def name(self, index: int) -> str:
        """The item as its split line: folder, frame, side."""
        return item_name(self.items[index])

    @cached_property
    def has_depth(self) -> bool:
        """Whether any item has ground-truth depth."""
        return self.source.has_depth_maps and any(self.source.has_depth(item) for item in self.items)

    def depth(self, index: int) -> np.ndarray | None:
        """Ground truth, float32 [h, w] metres at its own resolution, 0 = invalid; None: no map."""
        item = self.items[index]
        return self.source.depth(item) if self.source.has_depth(item) else None

    def image(self, index: int) -> Tensor:
        """[3, h, w] uint8 RGB, the target as stored, for pictures and for predictions at full size."""
        return self.source.read_image(self.items[index])

    @cached_property
    def baseline_m(self) -> float | None:
        """Median true baseline of the items in metres; None for monocular data."""
        lengths = []
        for item in self.items if self.source.has_stereo else ():
            transform = self.source.stereo_T_target(item)
            if transform is not None:
                lengths.append(float(transform[:3, 3].norm()))
        return float(np.median(lengths)) if lengths else None

    def views(self) -> list[SplitLine]:
        """Every image that the samples need, once each."""
        return list(dict.fromkeys(view for index in range(len(self)) for view in self._views(index)))

    def _views(self, index: int) -> list[SplitLine]:
        """The images of a sample."""
        return [self._view(self.items[index], frame) for frame in self.request.frame_ids]

    def _view(self, item: SplitLine, frame: int | str) -> SplitLine:
        view = self.source.neighbour(item, frame)
        if view is None:  # the index has only items whose frames exist
            raise AssertionError(f"{item_name(item)} has no frame {frame}")
        return view

    def _read_frame(self, view: SplitLine, out: Tensor) -> Tensor:
        """Fills `out` [3, H, W] uint8 with an image; its intrinsics [3, 3] float32, resized with it."""
        height, width = (self.held or self.source).read_into(view, out)
        intrinsics = self.source.intrinsics(view, width, height)
        self._check(intrinsics, width, height, view)
        if (height, width) != out.shape[-2:]:
            intrinsics = resize_intrinsics(intrinsics, out.shape[-1] / width, out.shape[-2] / height)
        return intrinsics.float()

    def _check(self, intrinsics: Tensor, width: int, height: int, view: SplitLine) -> None:
        """Each different camera is checked once."""
        key = (tuple(intrinsics.flatten().tolist()), width, height)
        if key in self._checked:
            return
        try:
            check_intrinsics(intrinsics, width, height)
        except ValueError as error:
            raise UserError(f"The intrinsics of {self.source.image_path(view)} are implausible: {error}") from error
        self._checked.add(key)

    def _stereo_T_target(self, item: SplitLine) -> Tensor | None:
        transform = self.source.stereo_T_target(item)
        return None if transform is None else transform.float()

    def _depth_tensor(self, item: SplitLine) -> Tensor | None:
        depth = self.source.depth(item)
        return None if depth is None else torch.from_numpy(depth)[None]


def _parts_of(key: SampleKey) -> tuple[int, int]:
    """Epoch and index."""
    return key if isinstance(key, tuple) else (0, key)
