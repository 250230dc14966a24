"""Depth of an image or of a folder of images, with its unit.

python predict_depth.py --image_path photos --load_weights_folder runs/mdp/models/best --output_directory out
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
import time
from collections.abc import Sequence

import torch
from rich.progress import track

from selfsup_depth import cli
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from selfsup_depth.prediction_files import PredictConfig, find_images, write_prediction
from selfsup_depth.predictor import DepthPredictor


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(PredictConfig, argv)
    images = find_images(config.image_path, config.ext)
    device = "cpu" if config.no_cuda else None
    predictor = DepthPredictor.load(config.load_weights_folder, device, config.weights_format)
    if predictor.meta.origin:
        print(f"{config.load_weights_folder}: {predictor.meta.origin}")
    folder = config.output_directory or images[0].parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output_directory {folder} cannot be made: {error.strerror}") from error
    start = time.perf_counter()
    for path in track(images, description="predicting", disable=len(images) == 1):
        image = read_image(str(path))
        prediction = predictor.predict_full_size(image[None].to(predictor.device, torch.float32) / 255)
        size = (image.shape[1], image.shape[2])
        try:
            write_prediction(folder, path, size, prediction.depth[0, 0], config.load_weights_folder, predictor.meta)
        except OSError as error:
            raise UserError(f"--output_directory {folder} cannot be written: {error.strerror}") from error
    speed = len(images) / (time.perf_counter() - start)
    print(f"{len(images)} depth maps in {folder} ({speed:.1f} images/s)")
    print(f"unit: {prediction.unit} ({predictor.meta.scale_source})")
    return 0


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
