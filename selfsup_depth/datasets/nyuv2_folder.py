"""NYUv2 as DistDepth unpacks it: `img_val/00001.png` beside `depth_val/00001.npy`, metres, whole pictures.

The 654 official test images are in `img_val/`, which is what "val" and "test" mean here; `img_train/` is for
training. A list names images as `img_val/00001`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.depth_files import read_depth_npy
from selfsup_depth.datasets.held_out import Frame
from selfsup_depth.datasets.images import read_image
from selfsup_depth.datasets.nyuv2_views import NyuSource, without_frame
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.errors import UserError
from splits import SplitLine

IMAGES_OF_PART = {"train": "img_train", "val": "img_val", "test": "img_val"}


class NyuFolder(NyuSource):
    """Items are paths of images below the data folder, without suffix."""

    def __init__(self, request: DatasetRequest, root: str) -> None:
        super().__init__(request)
        self.root = root
        self.suffixes = (".png", ".jpg") if request.options.png else (".jpg", ".png")

    def to_item(self, line: SplitLine) -> SplitLine:
        """The path says which image it is; there is one camera."""
        if line.side not in (None, "l"):
            raise ValueError(f"expected side l, because there is one camera, found {line.side}")
        return SplitLine(line.folder, 0, "l")

    def unlisted(self) -> tuple[list[SplitLine], bool]:
        folder = IMAGES_OF_PART[self.request.part]
        names = self.files.names(f"{self.root}/{folder}")
        stems = sorted({name.rpartition(".")[0] for name in names if name.endswith(self.suffixes)})
        if not stems:
            raise UserError(
                f"nyuv2: {self.root} has no images in {folder}/, no {self.request.part}_files.txt and no official file "
                "nyu_depth_v2_labeled.mat: give the folder that has them, or the .mat itself, as --data_path."
            )
        return [SplitLine(f"{folder}/{stem}", 0, "l") for stem in stems], False

    def frames_of(self, items: Sequence[SplitLine]) -> list[Frame]:
        return [(self.name, place) for place in range(len(items))]

    def image_path(self, view: SplitLine) -> str:
        folder, _, stem = f"{self.root}/{view.folder}".rpartition("/")
        return self.files.find(folder, stem, self.suffixes, otherwise=".png")

    def read_image(self, view: SplitLine) -> Tensor:
        path = self.image_path(view)
        return without_frame(read_image(path), path)

    def has_depth(self, item: SplitLine) -> bool:
        return self.files.has(self._depth_path(item))

    def depth(self, item: SplitLine) -> np.ndarray:
        path = self._depth_path(item)
        return without_frame(read_depth_npy(path), path)

    def _depth_path(self, item: SplitLine) -> str:
        return f"{self.root}/{item.folder.replace('img', 'depth')}.npy"
