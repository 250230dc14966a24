"""Depth, masks and errors as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from selfsup_depth.structures import Losses


def colour_depth(depth: np.ndarray) -> np.ndarray:
    """[H, W, 3] uint8: near is bright. Inverse depth up to its 95th percentile, in magma, as Monodepth2 shows it.

    Args:
        depth: [H, W]; 0 and non-finite values become black.
    """
    valid = np.isfinite(depth) & (depth > 0)
    inverse = np.zeros(depth.shape, dtype=np.float32)
    np.divide(1.0, depth, out=inverse, where=valid)
    if valid.any():
        low, high = inverse[valid].min(), np.percentile(inverse[valid], 95)
        inverse = (inverse - low) / max(high - low, 1e-9)
    return _coloured(inverse, valid, "magma")


def training_pictures(losses: Losses) -> dict[str, np.ndarray]:
    """The first item of a batch: image, warped source, depth and auto-mask, one above the other."""
    rows = []
    for name in ("image", "warped", "depth", "auto_mask"):
        if name not in losses.maps:
            continue
        picture = losses.maps[name][0].float().cpu()
        if name == "depth":
            rows.append(colour_depth(picture[0].numpy()))
        else:
            grey = (picture.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
            rows.append(np.broadcast_to(grey, (*grey.shape[:2], 3)))
    return {"image, warped source, depth, auto-mask": np.concatenate(rows)} if rows else {}


@dataclass(frozen=True)
class Example:
    """One validation image with what was predicted and what is true."""

    name: str
    image: Tensor  # [3, H, W] in [0, 1]
    depth: np.ndarray  # [h, w] predicted, at any size
    truth: np.ndarray | None  # [h', w'] true depth, 0 = unknown


def save_examples(
    path: Path, examples: Sequence[Example], units: tuple[str, str], max_depth: float | None
) -> None:
    """A page with a row per example: image, predicted depth, true depth up to `max_depth`, relative error.

    Without any truth the page has the first two columns only. `units` are of predicted and of true depth.
    """
    max_depth = max_depth or np.inf
    columns = 4 if any(example.truth is not None for example in examples) else 2
    figure = Figure(figsize=(4 * columns, 0.6 + 2.0 * len(examples)), layout="constrained")
    axes = figure.subplots(len(examples), columns, squeeze=False)
    for row, example in zip(axes, examples, strict=True):
        height, width = (example.truth if example.truth is not None else example.depth).shape
        predicted = resize_map(example.depth, height, width)
        row[0].imshow(example.image.permute(1, 2, 0).clamp(0, 1).numpy(), aspect="auto")
        row[0].set_title(example.name, fontsize=7)
        near, far = _colour_range(example, predicted, max_depth)
        limits = {"cmap": "magma_r", "vmin": near, "vmax": far}
        shown = row[1].imshow(predicted, aspect="auto", **limits)
        row[1].set_title(f"predicted depth ({units[0]})", fontsize=7)
        figure.colorbar(shown, ax=row[1])
        if example.truth is not None:
            valid = (example.truth > 0) & (example.truth <= max_depth)
            truth = np.where(valid, example.truth, np.nan)
            figure.colorbar(row[2].imshow(truth, aspect="auto", **limits), ax=row[2])
            row[2].set_title(f"true depth ({units[1]})", fontsize=7)
            error = np.abs(predicted - truth) / truth
            drawn = row[3].imshow(error, aspect="auto", cmap="viridis", vmin=0, vmax=0.5)
            figure.colorbar(drawn, ax=row[3])
            row[3].set_title(f"relative error, mean {np.nanmean(error):.3f}", fontsize=7)
        for axis in row:
            axis.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def resize_map(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """A depth map [h, w] at another size, by bilinear interpolation of its inverse."""
    if depth.shape == (height, width):
        return depth
    inverse = torch.from_numpy(1.0 / depth)[None, None]
    return 1.0 / F.interpolate(inverse, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


def _colour_range(example: Example, predicted: np.ndarray, max_depth: float) -> tuple[float, float]:
    """Depths of the first and last colour: from the 2nd to the 98th percentile of prediction and truth, whichever
    reaches farther; from 0 an untrained prediction, which is nearly constant, would be black."""
    truth = predicted[:0] if example.truth is None else example.truth
    shown = [np.minimum(predicted[np.isfinite(predicted)], max_depth), truth[(truth > 0) & (truth <= max_depth)]]
    ranges = [np.percentile(depths, (2, 98)) for depths in shown if depths.size]
    if not ranges:
        return 0.0, 1.0
    return float(min(near for near, _ in ranges)), float(max(far for _, far in ranges))


def _coloured(values: np.ndarray, valid: np.ndarray, name: str) -> np.ndarray:
    picture = (matplotlib.colormaps[name](np.clip(values, 0, 1))[..., :3] * 255).astype(np.uint8)
    picture[~valid] = 0
    return picture
