"""Images of a lens as a pinhole camera would have taken them, and stereo pairs with level rows.

OpenCV counts from the centre of the first pixel, the library from its corner: half a pixel is taken off every
principal point on the way in and put back on the way out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from geometry.camera import resize_intrinsics
from selfsup_depth.datasets.cameras import Camera, CameraRig
from selfsup_depth.datasets.video import opencv
from selfsup_depth.errors import UserError

#: A lens can see more than a plane can show: half of the widest view that is kept.
WIDEST_HALF_VIEW = math.tan(math.radians(65.0))
SMALLEST_SHARE = 0.2  # of the left camera's view that the right one has to see too, in width and in height
POINTS_PER_BORDER = 201
COEFFICIENTS_OF_OPENCV = (4, 5, 8, 12, 14)
OUTSIDE_PIXELS = 0.05  # how far a looked-up place may lie outside the image for rounding's sake


@dataclass(frozen=True)
class Rectifier:
    """Makes images of one camera those of another one, which has its centre but may look elsewhere."""

    lens: Camera  # the old one
    intrinsics: Tensor  # [3, 3] float64, of the new images, pixels of the same size, corner origin
    rotation: Tensor  # [3, 3] float64, new camera from old one
    map_x: np.ndarray  # [h, w] float32: where in the image each new pixel is looked up, OpenCV's pixel centres
    map_y: np.ndarray

    def resized(self, size: tuple[int, int]) -> Rectifier:
        """The same two cameras for images of another (width, height), as depth maps may have.

        Both show what they showed, to the border: a new camera that was fitted to this size's own pixel centres would
        be another one.
        """
        scale_x, scale_y = size[0] / self.lens.size[0], size[1] / self.lens.size[1]
        lens = replace(self.lens, intrinsics=resize_intrinsics(self.lens.intrinsics, scale_x, scale_y), size=size)
        return _between(lens, resize_intrinsics(self.intrinsics, scale_x, scale_y), self.rotation)

    def __call__(self, image: Tensor) -> Tensor:
        """[3, h, w] uint8 -> [3, h, w] uint8."""
        cv2 = opencv()
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        # cubic: bilinear blurs, which an image that is not made smaller afterwards would show
        seen = cv2.remap(pixels, self.map_x, self.map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return torch.from_numpy(seen).permute(2, 0, 1)

    def depth(self, depth: np.ndarray) -> np.ndarray:
        """Depth float32 [h, w] (0: unknown) along the old camera's axis -> along the new one's; nearest pixels."""
        cv2 = opencv()
        found = cv2.remap(depth, self.map_x, self.map_y, cv2.INTER_NEAREST)
        height, width = depth.shape
        rows, columns = np.mgrid[:height, :width] + 0.5
        pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
        old_from_new = self.rotation.numpy().T @ np.linalg.inv(self.intrinsics.numpy())
        along_old_axis = pixels @ old_from_new[2]  # of the point whose depth in the new camera is 1
        return (found / along_old_axis).astype(np.float32)


@dataclass(frozen=True)
class Window:
    """What a pinhole camera shows: a rectangle at distance 1."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def shared_with(self, other: Window) -> Window:
        return Window(
            max(self.left, other.left),
            min(self.right, other.right),
            max(self.top, other.top),
            min(self.bottom, other.bottom),
        )


def undistorter(camera: Camera, source: str) -> Rectifier | None:
    """What makes images of a lens those of a pinhole camera that looks the same way; None: they are already.

    The new image shows the largest rectangle without black borders (`alpha=0` of OpenCV), of at most 130 degrees.

    Args:
        source: where the numbers come from, for messages.

    Raises UserError when the coefficients bend the image back onto itself.
    """
    if not camera.is_distorted:
        return None
    rotation = np.eye(3)
    return _rectifier(camera, rotation, _window(camera, rotation, source), source)


def stereo_rectifiers(rig: CameraRig) -> tuple[Rectifier, Rectifier, Tensor]:
    """What makes both images of a rig level: equal cameras, equal rows, the right one straight to the right.

    Both cameras are turned to their mean direction, square to the line between them. The third is the new
    right_T_left [4, 4] float64 metres.

    Raises UserError when the rig is no stereo rig, or stands so that it cannot be made level.
    """
    if rig.right is None or rig.right_T_left is None:
        raise UserError(f"{rig.source} describes no stereo rig with a known distance, so there is nothing to rectify.")
    right_R_left = rig.right_T_left[:3, :3].double().numpy()
    centre = -right_R_left.T @ rig.right_T_left[:3, 3].double().numpy()  # of the right camera, seen from the left
    rotation_left = _level(centre, right_R_left, rig.source)
    rotation_right = rotation_left @ right_R_left.T
    seen_left = _window(rig.left, rotation_left, rig.source)
    window = seen_left.shared_with(_window(rig.right, rotation_right, rig.source))
    if min(window.width / seen_left.width, window.height / seen_left.height) < SMALLEST_SHARE:
        raise UserError(
            f"{rig.source}: the two cameras see next to nothing in common once they look the same way: check the "
            "rotation between them (right_T_left maps points of the left camera to the right one)."
        )
    left = _rectifier(rig.left, rotation_left, window, rig.source)
    right = _rectifier(rig.right, rotation_right, window, rig.source)
    right_T_left = torch.eye(4, dtype=torch.float64)
    right_T_left[0, 3] = -float(np.linalg.norm(centre))
    return left, right, right_T_left


def _level(centre: np.ndarray, right_R_left: np.ndarray, source: str) -> np.ndarray:
    """[3, 3] the turn of the left camera after which the right one stands at its right, both looking ahead."""
    along = centre / max(float(np.linalg.norm(centre)), 1e-12)
    if along[0] < math.cos(math.radians(45.0)):
        raise UserError(
            f"{source}: seen from the left camera the right one is at ({', '.join(f'{x:.3f}' for x in centre)}) m, "
            "which is not to the right of it: swap the cameras, or leave out --rectify."
        )
    ahead = np.array([0.0, 0.0, 1.0]) + right_R_left.T @ np.array([0.0, 0.0, 1.0])
    down = np.cross(ahead, along)
    down /= np.linalg.norm(down)
    return np.stack([along, down, np.cross(along, down)])


def _rectifier(camera: Camera, rotation: np.ndarray, window: Window, source: str) -> Rectifier:
    width, height = camera.size
    intrinsics = torch.eye(3, dtype=torch.float64)
    for axis, (low, high, size) in enumerate(
        ((window.left, window.right, width), (window.top, window.bottom, height))
    ):
        intrinsics[axis, axis] = (size - 1) / (high - low)
        intrinsics[axis, 2] = 0.5 - low * (size - 1) / (high - low)
    made = _between(camera, intrinsics, torch.from_numpy(rotation.copy()))
    # a lens that shows a point farther out at a place farther in cannot be inverted there
    down_x, across_x = np.gradient(made.map_x)
    down_y, across_y = np.gradient(made.map_y)
    unfolded = (across_x * down_y - down_x * across_y).min() > 0
    inside = (
        made.map_x.min() >= -OUTSIDE_PIXELS and made.map_x.max() <= width - 1 + OUTSIDE_PIXELS
        and made.map_y.min() >= -OUTSIDE_PIXELS and made.map_y.max() <= height - 1 + OUTSIDE_PIXELS
    )  # fmt: skip
    if not (unfolded and inside):  # also where a value is not a number
        raise UserError(
            f"{source}: the distortion coefficients {list(camera.distortion)} bend the image back onto itself: "
            "calibrate again with pictures whose chessboard reaches the corners, or with fewer coefficients."
        )
    return made


def _between(lens: Camera, intrinsics: Tensor, rotation: Tensor) -> Rectifier:
    """From the images of a lens to those of a pinhole camera of the same size."""
    cv2 = opencv()
    model = cv2.fisheye if lens.model == "fisheye" else cv2
    map_x, map_y = model.initUndistortRectifyMap(
        _from_centre(lens.intrinsics), _coefficients(lens), rotation.numpy(), _from_centre(intrinsics), lens.size,
        cv2.CV_32FC1,
    )  # fmt: skip
    return Rectifier(lens, intrinsics, rotation, map_x, map_y)


def _window(camera: Camera, rotation: np.ndarray, source: str) -> Window:
    """The largest rectangle of the turned camera that lies inside the image on all its borders."""
    width, height = camera.size
    across, down = np.linspace(0, width - 1, POINTS_PER_BORDER), np.linspace(0, height - 1, POINTS_PER_BORDER)
    left = _rays(camera, rotation, np.stack([np.zeros_like(down), down], -1))[:, 0]
    right = _rays(camera, rotation, np.stack([np.full_like(down, width - 1), down], -1))[:, 0]
    top = _rays(camera, rotation, np.stack([across, np.zeros_like(across)], -1))[:, 1]
    bottom = _rays(camera, rotation, np.stack([across, np.full_like(across, height - 1)], -1))[:, 1]
    # a ray beside or behind the camera is further out than anything that is kept
    low = [float(np.nan_to_num(border, nan=-np.inf).clip(min=-WIDEST_HALF_VIEW).max()) for border in (left, top)]
    high = [float(np.nan_to_num(border, nan=np.inf).clip(max=WIDEST_HALF_VIEW).min()) for border in (right, bottom)]
    if not (low[0] < high[0] and low[1] < high[1]):
        raise UserError(
            f"{source}: no rectangle of the undistorted image is free of black borders: check the distortion "
            f"coefficients {list(camera.distortion)} and their model ({camera.model})."
        )
    return Window(low[0], high[0], low[1], high[1])


def _rays(camera: Camera, rotation: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """[n, 2] where the rays of pixels [n, 2] meet the plane at distance 1 of the turned camera; nan: they do not."""
    cv2 = opencv()
    precisely = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-10)
    lens = cv2.fisheye if camera.model == "fisheye" else cv2
    points = lens.undistortPoints(
        pixels[:, None].astype(np.float64), _from_centre(camera.intrinsics), _coefficients(camera), criteria=precisely
    )[:, 0]
    points = np.where(np.abs(points).max(axis=1, keepdims=True) < 1e3, points, np.nan)  # OpenCV's mark: -1e6
    turned = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ rotation.T
    return np.where(turned[:, 2:] > 1e-6, turned[:, :2] / np.maximum(turned[:, 2:], 1e-6), np.nan)


def _from_centre(intrinsics: Tensor) -> np.ndarray:
    """[3, 3] float64 as OpenCV counts pixels."""
    matrix = intrinsics.double().numpy().copy()
    matrix[0, 2] -= 0.5
    matrix[1, 2] -= 0.5
    return matrix


def _coefficients(camera: Camera) -> np.ndarray:
    given = [float(value) for value in camera.distortion]
    if camera.model == "fisheye":
        return np.array((given + [0.0] * 4)[:4])
    length = next((n for n in COEFFICIENTS_OF_OPENCV if n >= len(given)), len(given))
    return np.array(given + [0.0] * (length - len(given)))
