"""KITTI's depth prediction benchmark: 500 anonymous images in, 500 depth PNGs for the server out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from selfsup_depth.datasets.images import read_image, resize_image
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import EvaluationData
from selfsup_depth.evaluation.image_list import ImageList
from selfsup_depth.evaluation.modes import ScoringMode
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.scoring import SCORERS, resize_inverse_depth
from selfsup_depth.overlap import in_threads
from splits import read_split

#: Height and width of every test image and of every map the server takes.
HEIGHT, WIDTH = 352, 1216
#: The server's PNGs are metres * 256.
PNG_SCALE = 256
#: Folders of the official archive that may stand between --data_path and the images.
OFFICIAL_FOLDERS = (".", "test_depth_prediction_anonymous", "depth_selection/test_depth_prediction_anonymous")


class BenchmarkImages(Dataset[Tensor]):
    """The anonymous test images `image/NNNNNNNNNN.png`, [3, height, width] uint8, in the list's order.

    Raises:
        UserError: if the folder or any image is missing.
    """

    def __init__(self, data_path: Path | None, size: tuple[int, int]) -> None:
        self.size = size
        self.indices = benchmark_indices()
        self.folder = _find_folder(data_path)
        missing = [index for index in self.indices if not self._path(index).is_file()]
        if missing:
            raise UserError(
                f"{self.folder} lacks {len(missing)} of the {len(self.indices)} benchmark images, for example "
                f"{self._path(missing[0]).name}: unpack data_depth_selection.zip again."
            )

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Tensor:
        return resize_image(read_image(str(self._path(self.indices[position]))), *self.size)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:010d}.png"


def open_benchmark(config: EvaluateConfig, image_list: ImageList, size: tuple[int, int] | None) -> EvaluationData:
    """The benchmark's images for a network of this (height, width); None: predictions come from a file.

    Raises:
        UserError: if the folder or any image is missing.
    """
    images = BenchmarkImages(config.data_path, size) if size else None
    facts = {"data": {"list": "benchmark", "data_path": str(config.data_path) if config.data_path else None}}
    return EvaluationData(image_list, tuple(image_list.lines()), images, None, facts)


def benchmark_indices() -> list[int]:
    """Numbers of the test images, from the benchmark's list (`image N`)."""
    return [int(line.split()[1]) for line in read_split("benchmark", "test")]


def write_submission(predictions: Iterable[Tensor], mode: ScoringMode, folder: Path) -> int:
    """Writes 16-bit PNGs `NNNNNNNNNN.png` [352, 1216] as the server takes them.

    Args:
        predictions: inverse depth [1, h, w] of each image of the list, in order.
        mode: must be metric; its scale factor is applied.

    Returns:
        The number of files.

    Raises:
        UserError: if the depth is not in metres, or there is not one prediction per image.
    """
    if mode.align or not mode.metric:
        raise UserError(
            "The benchmark's server scores depth in metres and gives no ground truth to align with: use "
            "--eval_stereo with a metric model, or give --pred_depth_scale_factor."
        )
    protocol = PROTOCOLS["benchmark"]
    folder.mkdir(parents=True, exist_ok=True)
    indices = benchmark_indices()

    def write(item: tuple[int, NDArray[np.float32]]) -> None:
        number, inverse = item
        with np.errstate(divide="ignore"):
            depth = np.clip(mode.scale_factor / inverse.astype(np.float64), protocol.min_depth, protocol.max_depth)
        picture = Image.fromarray((depth * PNG_SCALE).astype(np.uint16))
        picture.save(folder / f"{indices[number]:010d}.png", compress_level=1)

    written = sum(1 for _ in in_threads(write, _sized(predictions, len(indices)), threads=SCORERS, ahead=2 * SCORERS))
    if written != len(indices):
        raise UserError(f"The benchmark has {len(indices)} images, but there were {written} predictions.")
    return written


def _sized(predictions: Iterable[Tensor], count: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    for number, prediction in enumerate(predictions):
        if number == count:
            raise UserError(f"There are more predictions than the benchmark's {count} images.")
        yield number, resize_inverse_depth(prediction, HEIGHT, WIDTH)[0].numpy()


def _find_folder(data_path: Path | None) -> Path:
    if data_path is None:
        raise UserError(
            "--eval_split benchmark needs --data_path: test_depth_prediction_anonymous from KITTI's "
            "data_depth_selection.zip."
        )
    for name in OFFICIAL_FOLDERS:
        if (data_path / name / "image").is_dir():
            return data_path / name / "image"
    raise UserError(
        f"--data_path {data_path} has no folder image/ with the benchmark's anonymous test images: give "
        "test_depth_prediction_anonymous from KITTI's data_depth_selection.zip."
    )
