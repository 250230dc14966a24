"""Pictures as the checks see them: of moderate size, with their cameras, each read once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.camera import check_intrinsics, resize_intrinsics
from selfsup_depth.datasets import ViewSource
from selfsup_depth.datasets.cameras.checks import suspect, written_numbers
from selfsup_depth.datasets.cameras.suspicions import suspect_unit
from selfsup_depth.datasets.images import read_image, resize_image
from selfsup_depth.errors import UserError
from splits import SplitLine

LUMA = (0.299, 0.587, 0.114)
#: Standard deviation of grey in [0, 1]: KITTI, drive and rooms have 0.1 to 0.3, noise in the dark 0.01.
BLANK = 0.02


@dataclass(frozen=True)
class Picture:
    """One image at a moderate size; its shape is as stored, up to rounding."""

    view: SplitLine
    path: str
    place: str  # where a person finds it: the path, or a video and a time
    stored_size: tuple[int, int]  # width, height
    colour: Tensor  # [3, h, w] uint8
    grey: Tensor  # [h, w] float32 in [0, 1]
    stored_intrinsics: Tensor | None  # [3, 3] float64 as the reader gives them; None: it refuses
    intrinsics: Tensor | None  # [3, 3] float64, pixels of `colour`; None: they cannot be worked with
    fault: UserError | None = None  # why not

    @property
    def width(self) -> int:
        return self.grey.shape[1]

    @property
    def height(self) -> int:
        return self.grey.shape[0]

    @cached_property
    def smooth(self) -> Tensor:
        """[3, h, w] float32, means of 7x7 pixels: by what brightness is compared."""
        return F.avg_pool2d(self.colour[None].float(), 7, 1, 3)[0]

    @cached_property
    def is_blank(self) -> bool:
        """Whether nothing can be seen: a lid, a white-out, a colour of the player."""
        return float(self.grey.std()) < BLANK


class PictureReader:
    """Reads views of one source at about `area` pixels (never enlarged) and remembers what cannot be read."""

    def __init__(self, source: ViewSource, area: int) -> None:
        self.source = source
        self.unreadable: dict[str, str] = {}  # path -> why
        self.unreadable_depth: dict[str, UserError] = {}  # place of the image -> why
        #: path -> why, where the file is good and its camera or its rig is not
        self.refused: dict[str, UserError] = {}
        self._area = area
        self._seen: dict[SplitLine, Picture | None] = {}

    @property
    def pictures(self) -> list[Picture]:
        """All that could be read so far."""
        return [picture for picture in self._seen.values() if picture is not None]

    def read(self, view: SplitLine | None) -> Picture | None:
        """None where there is no such image or where it cannot be read."""
        if view is None or not self.source.has_image(view):
            return None
        if view not in self._seen:
            self._seen[view] = self._read(view)
        return self._seen[view]

    def _read(self, view: SplitLine) -> Picture | None:
        path = self.source.image_path(view)
        refusal: UserError | None = None
        try:
            stored = self.source.read_image(view)
        except UserError as error:
            refusal, recorded = error, _decoded(path)
            if recorded is None:
                self.unreadable[path] = str(error)
                return None
            self.refused[path], stored = error, recorded
        height, width = stored.shape[-2:]
        scale = min(1.0, math.sqrt(self._area / (height * width)))
        colour = resize_image(stored, max(1, round(height * scale)), max(1, round(width * scale)))
        grey = torch.einsum("chw,c->hw", colour.float(), torch.tensor(LUMA)) / 255
        size = (colour.shape[2], colour.shape[1])
        as_stored, usable, fault = (
            self._cameras(view, (width, height), size) if refusal is None else (None, None, refusal)
        )
        place = self.source.whereabouts(view)
        return Picture(view, path, place, (width, height), colour, grey, as_stored, usable, fault)

    def _cameras(
        self, view: SplitLine, stored: tuple[int, int], size: tuple[int, int]
    ) -> tuple[Tensor | None, Tensor | None, UserError | None]:
        """Intrinsics as stored and at the size of the picture, or what is wrong with them."""
        try:
            as_stored = self.source.intrinsics(view, *stored).double()
        except UserError as error:
            return None, None, error
        fault = _fault(as_stored, stored)
        if fault is not None:
            return as_stored, None, fault
        return as_stored, resize_intrinsics(as_stored, size[0] / stored[0], size[1] / stored[1]), None


def _fault(intrinsics: Tensor, size: tuple[int, int]) -> UserError | None:
    """Why intrinsics [3, 3] that a reader gave cannot be those of an image of this (width, height)."""
    suspicion = suspect_unit(written_numbers(intrinsics), size)  # partly normalised ones pass what follows
    try:
        check_intrinsics(intrinsics, *size)
    except ValueError as error:
        suspicion = suspicion or suspect(intrinsics, size)
        if suspicion is None:
            return UserError(str(error))
    if suspicion is None:
        return None
    return UserError(suspicion.found, cause=suspicion.cause, remedy=suspicion.remedy)


def _decoded(path: str) -> Tensor | None:
    """A file as it was recorded; None: it is no good image. A source that undistorts fails for its calibration too."""
    try:
        return read_image(path)
    except UserError:
        return None
