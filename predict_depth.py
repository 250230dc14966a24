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

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    import torch
    from rich.progress import track

    from selfsup_depth.datasets.images import read_image
    from selfsup_depth.errors import UserError
    from selfsup_depth.prediction_files import (
        PredictConfig,
        find_images,
        make_folder,
        squeeze_warning,
        unit_sentence,
        write_prediction,
    )
    from selfsup_depth.predictor import DepthPredictor


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(PredictConfig, argv)
    images = find_images(config.image_path, config.ext)
    device = "cpu" if config.no_cuda else None
    predictor = DepthPredictor.load(config.load_weights_folder, device, config.weights_format)
    meta = predictor.meta
    if meta.origin:
        print(f"{config.load_weights_folder}: {meta.origin}")
    folder = config.output_directory or images[0].parent
    make_folder(folder)
    failures: list[UserError] = []
    warnings: list[str] = []
    start = time.perf_counter()
    for path in track(images, description="predicting", disable=len(images) == 1):
        try:
            image = read_image(str(path))
        except UserError as error:
            if config.image_path.is_file():
                raise
            failures.append(error)  # one bad file of a folder is no reason to leave the others out
            continue
        prediction = predictor.predict_full_size(image[None].to(predictor.device, torch.float32) / 255)
        size = (image.shape[1], image.shape[2])
        write_prediction(folder, path, size, prediction.depth[0, 0], config.load_weights_folder, meta)
        warning = squeeze_warning(path, size, meta)
        warnings += [warning] if warning else []
    written = len(images) - len(failures)
    print(f"{written} depth maps in {folder} ({written / (time.perf_counter() - start):.1f} images/s)")
    print(unit_sentence(meta))
    if warnings:
        more = f" ({len(warnings) - 1} more images likewise)" if len(warnings) > 1 else ""
        print(f"warning: {warnings[0]}{more}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    if failures:
        print(f"error: {written} of {len(images)} written", file=sys.stderr)
    return 2 if failures else 0


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
