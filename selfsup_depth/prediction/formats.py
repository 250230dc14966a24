"""The files that hold one picture's depth. Each says its unit, in itself where the format has a place for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from geometry.pointcloud import point_cloud
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.cameras import PictureCamera
from selfsup_depth.prediction.colours import (
    ColourRange,
    colour_range,
    colour_steps,
    magma,
    paint_depth,
    side_by_side,
)

LARGEST_16_BIT = 65535
IMAGE_DESCRIPTION = 270  # TIFF tag
#: Twice as large as with the usual 6, four times as fast to write.
PNG_COMPRESSION = 1


@dataclass(frozen=True)
class CloudLimits:
    """Which pixels become points."""

    max_depth: float | None
    edge_threshold: float


@dataclass(frozen=True)
class DepthPicture:
    """A picture and its depth at its own size."""

    image: np.ndarray  # [H, W, 3] uint8
    depth: np.ndarray  # [H, W] float32, > 0
    unit: str  # "metres" or "relative (up to scale)"
    colours: ColourRange | None = None  # None: the picture's own
    camera: PictureCamera | None = None  # where a point cloud is asked for
    cloud: CloudLimits | None = None

    @cached_property
    def painted(self) -> np.ndarray:
        """[H, W, 3] uint8: near is bright."""
        return paint_depth(self.depth, self.range)

    @cached_property
    def range(self) -> ColourRange:
        return self.colours or colour_range(self.depth)


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    ending: str  # after the picture's name
    write: Callable[[Path, DepthPicture], Mapping[str, Any]]  # returns what the sidecar says of the file
    metres_only: str | None = None  # the unit it has by definition, where that is a metric one


def write_npy(path: Path, picture: DepthPicture) -> dict[str, Any]:
    np.save(path, picture.depth)
    return {"unit": picture.unit, "type": "float32 [height, width]"}


def write_tiff(path: Path, picture: DepthPicture) -> dict[str, Any]:
    about = f"depth in {picture.unit}, float32, along the optical axis"
    Image.fromarray(picture.depth).save(path, format="TIFF", tiffinfo={IMAGE_DESCRIPTION: about})
    return {"unit": picture.unit, "type": "float32"}


def write_png16_mm(path: Path, picture: DepthPicture) -> dict[str, Any]:
    return _write_16_bit(path, picture.depth, 1000.0, "millimetres", "depth = value / 1000 metres")


def write_png16_kitti(path: Path, picture: DepthPicture) -> dict[str, Any]:
    return _write_16_bit(path, picture.depth, 256.0, "metres / 256", "depth = value / 256 metres, as KITTI stores it")


def write_color(path: Path, picture: DepthPicture) -> dict[str, Any]:
    about = f"inverse depth as colour, near is bright, to look at; the depth is in {picture.unit}"
    steps, valid = colour_steps(picture.depth, picture.range)
    # with black there are more colours than a palette holds
    image = with_palette(steps) if valid.all() else Image.fromarray(picture.painted)
    _save_png(path, image, about, "none: a picture")
    return {"unit": None, "type": "a picture to look at, no data"}


def write_side_by_side(path: Path, picture: DepthPicture) -> dict[str, Any]:
    about = f"picture and inverse depth as colour, near is bright; the depth is in {picture.unit}"
    beside = side_by_side(picture.image, picture.painted, picture.range, picture.unit)
    _save_png(path, Image.fromarray(beside), about, "none: a picture")
    return {"unit": None, "type": "a picture to look at, no data"}


def write_ply(path: Path, picture: DepthPicture) -> dict[str, Any]:
    """x right, y down, z forward; raises UserError where trimesh is missing."""
    if picture.camera is None or picture.cloud is None:
        raise ValueError("a point cloud needs a camera and limits")
    trimesh = import_trimesh()
    points, colours = point_cloud(
        torch.from_numpy(picture.depth),
        picture.camera.intrinsics,
        torch.from_numpy(picture.image).permute(2, 0, 1),
        max_depth=picture.cloud.max_depth,
        edge_threshold=picture.cloud.edge_threshold,
    )
    assert colours is not None  # an image was given
    content = trimesh.PointCloud(points.numpy(), colors=colours.numpy()).export(file_type="ply")
    about = f"comment unit: {picture.unit}; x right, y down, z forward\n".encode()
    path.write_bytes(content.replace(b"element vertex", about + b"element vertex", 1))
    return {
        "unit": picture.unit,
        "type": "points with colours; x right, y down, z forward",
        "points": len(points),
        "intrinsics": picture.camera.intrinsics.tolist(),
        "intrinsics_source": picture.camera.source,
        "max_depth": picture.cloud.max_depth,
        "edge_threshold": picture.cloud.edge_threshold,
    }


CLOUD = "ply"  # the one that needs a camera
FORMATS: dict[str, Format] = {
    "npy": Format("_depth.npy", write_npy),
    "color": Format("_depth.png", write_color),
    "png16_mm": Format("_depth_mm.png", write_png16_mm, metres_only="millimetres"),
    "png16_kitti": Format("_depth_kitti.png", write_png16_kitti, metres_only="metres * 256"),
    "tiff": Format("_depth.tiff", write_tiff),
    "side_by_side": Format("_side_by_side.png", write_side_by_side),
    CLOUD: Format("_depth.ply", write_ply),
}


def import_trimesh() -> Any:
    """trimesh; raises UserError where it is missing."""
    try:
        import trimesh
    except ImportError as error:
        raise UserError(
            "--outputs ply needs trimesh, which is not installed: pip install 'selfsup-depth[viz]'"
        ) from error
    return trimesh


def _write_16_bit(path: Path, depth: np.ndarray, factor: float, unit: str, about: str) -> dict[str, Any]:
    valid = np.isfinite(depth) & (depth > 0)
    values = np.rint(np.where(valid, depth, 0) * np.float64(factor))
    beyond = int((values > LARGEST_16_BIT).sum())
    values = np.where(valid, values.clip(1, LARGEST_16_BIT), 0).astype(np.uint16)  # 0 means: no depth
    largest = f"{LARGEST_16_BIT / factor:.5g} m"
    about += f"; 0: no depth; {LARGEST_16_BIT}: {largest} or more"
    _save_png(path, Image.fromarray(values), about, unit)
    return {
        "unit": unit, "type": "16-bit png", "about": about, "largest": largest, "saturated_pixels": beyond,
    }  # fmt: skip


def with_palette(steps: np.ndarray) -> Image.Image:
    """The picture of `magma()[steps]`, of a byte a pixel: half the file, in a quarter of the time."""
    image = Image.fromarray(steps)
    image.putpalette(magma().tobytes())
    return image


def _save_png(path: Path, image: Image.Image, about: str, unit: str) -> None:
    text = PngInfo()
    text.add_text("Description", about)
    text.add_text("Unit", unit)
    image.save(path, format="PNG", pnginfo=text, compress_level=PNG_COMPRESSION)
