"""One picture and its depth as arrays: what `DepthPredictor.predict_image` takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from geometry.camera import check_intrinsics, intrinsics_matrix
from geometry.pointcloud import EDGE_THRESHOLD, point_cloud
from selfsup_depth.datasets.images import read_image
from selfsup_depth.errors import UserError
from selfsup_depth.report.pictures import colour_depth

#: A path, a PIL image, or bytes: [H, W, 3] RGB or [H, W] grey.
ImageLike = str | Path | Image.Image | np.ndarray


@dataclass(frozen=True)
class ImageDepth:
    """A picture and its depth at its own size."""

    image: np.ndarray  # [H, W, 3] uint8 RGB
    depth: np.ndarray  # [H, W] float32, along the optical axis, in `unit`
    metric: bool
    unit: str  # "metres" or "relative (up to scale)"
    training_camera: np.ndarray | None = None  # [3, 3] pixels of this picture, if the training camera took it

    @property
    def inverse_depth(self) -> np.ndarray:
        """[H, W] 1 / depth."""
        return 1.0 / self.depth

    @property
    def colour(self) -> np.ndarray:
        """[H, W, 3] uint8, near is bright: to look at."""
        return colour_depth(self.depth)

    def point_cloud(
        self,
        intrinsics: np.ndarray | None = None,
        *,
        fov: float | None = None,
        max_depth: float | None = None,
        edge_threshold: float = EDGE_THRESHOLD,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points [N, 3] float32 (x right, y down, z forward, in `unit`) and their colours [N, 3] uint8.

        Args:
            intrinsics: [3, 3] pixels of this picture, corner origin. Without it and without `fov`, the training
                camera's, where the checkpoint knows it.
            fov: horizontal field of view in degrees.
            max_depth, edge_threshold: as in `geometry.pointcloud.point_cloud`.

        Raises UserError when no camera is known, two are given, or it cannot be this picture's.
        """
        camera = self._camera(intrinsics, fov)
        points, colours = point_cloud(
            torch.from_numpy(self.depth),
            camera,
            torch.from_numpy(self.image).permute(2, 0, 1),
            max_depth=max_depth,
            edge_threshold=edge_threshold,
        )
        assert colours is not None  # an image was given
        return points.numpy(), colours.numpy()

    def _camera(self, intrinsics: np.ndarray | None, fov: float | None) -> Tensor:
        height, width = self.depth.shape
        if intrinsics is not None and fov is not None:
            raise UserError("point_cloud takes intrinsics or fov, and got both: leave out one of them")
        if fov is not None and not 0 < fov < 180:
            raise UserError(f"point_cloud: fov is the horizontal field of view, 0 to 180 degrees; got {fov:g}")
        if fov is not None:
            focal = width / (2 * math.tan(math.radians(fov) / 2))
            return intrinsics_matrix(focal, focal, width / 2, height / 2)
        if intrinsics is None:
            intrinsics = self.training_camera
        if intrinsics is None:
            raise UserError("point_cloud needs the picture's camera: give intrinsics [3, 3] pixels, or fov in degrees")
        matrix = torch.as_tensor(intrinsics, dtype=torch.float64)
        try:
            check_intrinsics(matrix, width, height)
        except ValueError as error:
            raise UserError(f"point_cloud: {error}") from error
        return matrix


def image_tensor(image: ImageLike) -> Tensor:
    """[3, H, W] uint8 RGB; alpha is dropped, grey becomes three channels, EXIF rotation is not applied.

    Raises UserError for what is no picture, or has more than 8 bits.
    """
    if isinstance(image, str | Path):
        return read_image(str(image))
    if isinstance(image, Image.Image):
        if image.mode.startswith(("I", "F")):
            raise UserError(f"predict_image got a picture of mode {image.mode}, more than 8 bits: convert it to RGB")
        image = np.array(image.convert("RGB"))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        found = f"an array of {image.dtype}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
        raise UserError(
            f"predict_image takes a path, a PIL image, or an array of uint8 [H, W, 3] (RGB) or [H, W]; got {found}: "
            "for float tensors there is predict_full_size"
        )
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] not in (3, 4) or image.size == 0:
        raise UserError(f"predict_image takes arrays [H, W, 3] or [H, W]; got {list(image.shape)}: reorder its axes")
    return torch.from_numpy(np.ascontiguousarray(image[..., :3].transpose(2, 0, 1)))
