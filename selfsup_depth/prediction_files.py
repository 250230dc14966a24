"""Images in, depth files out: what `predict_depth.py` reads and writes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from selfsup_depth import __version__
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.report.pictures import colour_depth

#: What metres are worth: a network learns size from the angle under which things are seen.
METRIC_FOR = (
    "images of the training camera's field of view (focal length / width); another camera's depth is right up to "
    "one factor"
)
SQUEEZE_TOLERANCE = 0.1  # of the aspect ratio
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class PredictConfig:
    """Depth of an image or of a folder of images."""

    image_path: Path
    """An image, or a folder of images."""
    load_weights_folder: Path
    """Checkpoint folder: ours, Monodepth2's or DistDepth's."""
    weights_format: str | None = None
    """Whose files that folder holds: selfsup_depth, monodepth2 or distdepth; default: seen from the files, and
    said."""
    output_directory: Path | None = None
    """Where NAME_depth.npy, NAME_depth.png and NAME.json go; default: beside the images."""
    ext: str | None = None
    """In a folder, take only files with this ending, for example jpg; default: every kind of image."""
    no_cuda: bool = False
    """Predict on the CPU even where there is a GPU."""


def find_images(path: Path, ext: str | None = None) -> list[Path]:
    """The images at `path`. Raises UserError when there are none, or when two would write the same files."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise UserError(f"--image_path {path}: no such file or folder; give the path of an image or of a folder.")
    suffixes = (f".{ext.lstrip('.').lower()}",) if ext else IMAGE_SUFFIXES
    # our own coloured depth of an earlier call, when it was written beside the images, is no input
    images = sorted(
        entry
        for entry in path.iterdir()
        if entry.is_file()
        and entry.suffix.lower() in suffixes
        and not (entry.stem.endswith("_depth") and entry.with_suffix(".npy").exists())
    )
    if not images:
        remedy = "give another --ext, or leave it out" if ext else "give the folder that holds the images themselves"
        raise UserError(
            f"--image_path {path} holds no image ({', '.join(suffixes)}; folders in it are not searched): {remedy}."
        )
    twice = [stem for stem, count in Counter(image.stem for image in images).items() if count > 1]
    if twice:
        raise UserError(
            f"--image_path {path} holds images of the same name and different endings ({twice[0]}.*), "
            "whose results would overwrite each other: choose one kind with --ext"
        )
    return images


def make_folder(folder: Path) -> None:
    """Raises UserError when `folder` is not there and cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output_directory {folder} cannot be made ({error.strerror}): give a folder that can be written, whose "
            "name no file has."
        ) from error


def unit_sentence(meta: CheckpointMeta) -> str:
    """What the depths are, and for which images that holds."""
    if meta.metres_per_unit is None:
        return f"unit: relative (up to scale) ({meta.scale_source})"
    return f"unit: metres ({meta.scale_source}), for {METRIC_FOR}"


def squeeze_warning(image: Path, size: tuple[int, int], meta: CheckpointMeta) -> str | None:
    """A sentence when an image of `size` (height, width) has another shape than the network's input; else None."""
    own, network = size[1] / size[0], meta.width / meta.height
    if abs(own / network - 1) <= SQUEEZE_TOLERANCE:
        return None
    return (
        f"{image.name} is {size[1]}x{size[0]} (width / height {own:.2f}) and is squeezed into the network's "
        f"{meta.width}x{meta.height} ({network:.2f}): unless the training images were squeezed alike, crop it to that "
        "ratio"
    )


def write_prediction(
    folder: Path, image: Path, size: tuple[int, int], depth: Tensor, checkpoint: Path, meta: CheckpointMeta
) -> None:
    """NAME_depth.npy (float32 [H, W]), NAME_depth.png (coloured) and NAME.json (what the numbers mean).

    Raises UserError when they cannot be written.
    """
    try:
        _write(folder, image, size, depth, checkpoint, meta)
    except OSError as error:
        raise UserError(
            f"--output_directory {folder} cannot be written ({error.strerror}): give another folder."
        ) from error


def _write(
    folder: Path, image: Path, size: tuple[int, int], depth: Tensor, checkpoint: Path, meta: CheckpointMeta
) -> None:
    values = depth.float().cpu().numpy().astype(np.float32)
    metric = meta.metres_per_unit is not None
    np.save(folder / f"{image.stem}_depth.npy", values)
    Image.fromarray(colour_depth(values)).save(folder / f"{image.stem}_depth.png")
    facts = {
        "image": str(image),
        "unit": "metres" if metric else "relative (up to scale)",
        "metric": metric,
        "metric_for": METRIC_FOR if metric else None,
        "scale_source": meta.scale_source,
        "depth_file": f"{image.stem}_depth.npy",
        "height": size[0],
        "width": size[1],
        "network_height": meta.height,
        "network_width": meta.width,
        "checkpoint": str(checkpoint),
        "origin": meta.origin,
        "method": meta.method,
        "step": meta.step,
        "library_version": __version__,
    }
    (folder / f"{image.stem}.json").write_text(json.dumps(facts, indent=2) + "\n")
