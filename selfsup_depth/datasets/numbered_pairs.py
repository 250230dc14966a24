"""Stereo sequences whose file names hold frame and side: what SimSIN, UniSIN and VA share.

An item is the path of its image below the data folder, without suffix, e.g. `apartment_0/001_0`; its neighbours
are the same path with another number, its stereo partner the one with the other side. Where no list says which
images there are, every image found is a target of training, the left ones of validation, and the last tenth of
the scenes (of the frames, when there is one scene) is held out.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from geometry.camera import intrinsics_matrix
from geometry.se3 import translation_transform
from selfsup_depth.datasets.calibration import fit_to_image
from selfsup_depth.datasets.held_out import Frame
from selfsup_depth.datasets.images import IMAGE_SUFFIXES
from selfsup_depth.datasets.listed_source import ListedSource
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import OTHER_SIDE, data_folder
from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

SIDE_OF_DIGIT = {"0": "l", "1": "r"}
DIGIT_OF_SIDE = {"l": "0", "r": "1"}
ASPECT_TOLERANCE = 0.02
#: Of all images of these sets, unless somebody converted them.
PUBLISHED_SUFFIX = ".png"
#: No file: asking the disk whether it is a folder of images can be saved.
NEVER_A_FOLDER = (*IMAGE_SUFFIXES, ".npy", ".pfm", ".txt")
DEEPEST_FOLDER = 8  # below the data path; ends a loop of links


class NumberedPairs(ListedSource):
    """A data set file says how paths are spelled and how the cameras stand."""

    has_stereo = True
    #: groups `prefix`, `frame` and `side` (0 or 1) of an item's path
    pattern: re.Pattern[str]
    #: what `pattern` matches, in words
    spelling: str
    #: (width, height) of the images as recorded, and fx, fy, cx, cy in their pixels, corner origin
    native_size: tuple[int, int]
    native_camera: tuple[float, float, float, float]
    baseline_m: float

    def __init__(self, request: DatasetRequest) -> None:
        super().__init__(request)
        self.root = data_folder(request, self.name)
        self.suffixes = (".png", ".jpg") if request.options.png else (".jpg", ".png")

    @abstractmethod
    def path_of(self, prefix: str, frame: int, side: str) -> str:
        """The path that `pattern` takes apart; `side` is 0 or 1."""

    def neighbour(self, item: SplitLine, frame: FrameId) -> SplitLine | None:
        if frame == 0:
            return item
        number, side = item.frame, item.side or ""
        if frame == STEREO:
            side = OTHER_SIDE[side]
        else:
            number += int(frame)
        if number < 0:
            return None
        return SplitLine(self.path_of(self.prefix(item), number, DIGIT_OF_SIDE[side]), number, side)

    def image_path(self, view: SplitLine) -> str:
        folder, _, stem = f"{self.root}/{view.folder}".rpartition("/")
        return self.files.find(folder, stem, self.suffixes, otherwise=PUBLISHED_SUFFIX)

    def intrinsics(self, view: SplitLine, width: int, height: int) -> Tensor:
        return fit_to_image(
            intrinsics_matrix(*self.native_camera),
            self.native_size,
            (width, height),
            calibration=f"The camera of {self.name}",
            image=self.image_path(view),
            aspect_tolerance=ASPECT_TOLERANCE,
            remedy=self.of_another_shape(),
        )

    def of_another_shape(self) -> str:
        """What to do with images of another shape than the camera's."""
        return (
            f"it is built in, so nothing in the folder can change it; give {self.name}'s images as published (or "
            "resized), and read those of another camera with --dataset folder, from left/ and right/ with a calib.yaml "
            "(docs/your_own_data.md)"
        )

    def stereo_T_target(self, item: SplitLine) -> Tensor:
        towards_source = -self.baseline_m if item.side == "l" else self.baseline_m
        return translation_transform(torch.tensor([towards_source, 0.0, 0.0]))

    def unlisted(self) -> tuple[list[SplitLine], bool]:
        sides = ("l", "r") if self.request.part == "train" else ("l",)
        found = [item for item in self._found("", self.root) if item.side in sides]
        if not found:
            raise UserError(
                f"{self.name}: {self.root} has neither {self.request.part}_files.txt nor images named "
                f"{self.spelling}: give the folder that has them as --data_path."
            )
        return found, self.request.part != "test"

    def to_item(self, line: SplitLine) -> SplitLine:
        """Frame and side are in the path; the list's own columns repeat them, or say 0 for any frame."""
        item = self._parsed(line.folder)
        if item is None:
            raise ValueError(f"expected a path like {self.spelling}")
        if line.frame not in (0, item.frame):  # 0: a list without frame numbers of its own
            raise ValueError(f"its path is of frame {item.frame}, but its middle column says {line.frame}")
        if line.side not in (None, item.side):
            raise ValueError(f"its path is of side {item.side}, but its last column says {line.side}")
        return item

    def frames_of(self, items: Sequence[SplitLine]) -> list[Frame]:
        return [(self.prefix(item), item.frame) for item in items]

    def prefix(self, item: SplitLine) -> str:
        """What names the sequence in an item's path."""
        found = self.pattern.fullmatch(item.folder)
        assert found, item.folder  # every item was made by `_parsed`
        return found["prefix"]

    def _found(self, below: str, folder: str) -> Iterator[SplitLine]:
        """Every image below a folder, in order of folders, frames and sides."""
        names = [name for name in self.files.names(folder) if not name.startswith(".")]
        stems = {name.rpartition(".")[0] for name in names if name.endswith(self.suffixes)}
        items = [self._parsed(below + stem) for stem in stems]
        yield from sorted((item for item in items if item is not None), key=lambda item: (item.frame, item.folder))
        for name in sorted(names) if below.count("/") < DEEPEST_FOLDER else ():
            if not name.lower().endswith(NEVER_A_FOLDER):
                yield from self._found(f"{below}{name}/", f"{folder}/{name}")

    def _parsed(self, path: str) -> SplitLine | None:
        found = self.pattern.fullmatch(path)
        return None if found is None else SplitLine(path, int(found["frame"]), SIDE_OF_DIGIT[found["side"]])
