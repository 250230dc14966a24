"""Calibration files as OpenCV's and ROS's programs write them, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: fx, fy, cx, cy of images of 640x480, centre origin, and their distortion
NUMBERS = (512.5, 511.25, 319.5, 239.5)
DISTORTION = (-0.25, 0.125, 1e-3, -2e-3, 0.0625)


def camera_matrix(fx: float, fy: float, cx: float, cy: float) -> list[float]:
    return [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]


def opencv_matrix(name: str, rows: int, columns: int, values: Sequence[float]) -> str:
    data = ", ".join(repr(float(value)).rstrip("0") if "e" not in repr(value) else repr(value) for value in values)
    return f"{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {columns}\n   dt: d\n   data: [ {data} ]\n"


def opencv_single(path: Path, extra: str = "image_width: 640\nimage_height: 480\n", header: str = "%YAML:1.0") -> Path:
    """As OpenCV's sample calibration.cpp writes it."""
    path.write_text(
        f'{header}\n---\ncalibration_time: "Thu Nov 20 10:00:00 2025"\n{extra}'
        + opencv_matrix("camera_matrix", 3, 3, camera_matrix(*NUMBERS))
        + opencv_matrix("distortion_coefficients", 5, 1, DISTORTION)
        + "avg_reprojection_error: 2.1e-01\n"
    )
    return path


def opencv_pair(folder: Path, translation: Sequence[float], size: str = "") -> Path:
    """intrinsics.yml and extrinsics.yml as OpenCV's sample stereo_calib.cpp writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    matrix, right = camera_matrix(*NUMBERS), camera_matrix(515.0, 514.0, 322.5, 241.5)
    (folder / "intrinsics.yml").write_text(
        f"%YAML:1.0\n---\n{size}"
        + opencv_matrix("M1", 3, 3, matrix)
        + opencv_matrix("D1", 1, 5, DISTORTION)
        + opencv_matrix("M2", 3, 3, right)
        + opencv_matrix("D2", 1, 5, DISTORTION)
    )
    (folder / "extrinsics.yml").write_text(
        "%YAML:1.0\n---\n"
        + opencv_matrix("R", 3, 3, [0.8, 0.0, 0.6, 0.0, 1.0, 0.0, -0.6, 0.0, 0.8])
        + opencv_matrix("T", 3, 1, translation)
        + opencv_matrix("Q", 4, 4, [0.0] * 16)
    )
    return folder


def ros_camera(path: Path, model: str = "plumb_bob", distortion: Sequence[float] = DISTORTION) -> Path:
    """As ROS's camera_calibration writes it."""
    path.write_text(
        "image_width: 640\nimage_height: 480\ncamera_name: left\n"
        f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: {camera_matrix(*NUMBERS)}\n"
        f"distortion_model: {model}\n"
        f"distortion_coefficients:\n  rows: 1\n  cols: {len(distortion)}\n  data: {list(distortion)}\n"
        "rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}\n"
        "projection_matrix: {rows: 3, cols: 4, data: [500, 0, 320, 0, 0, 500, 240, 0, 0, 0, 1, 0]}\n"
    )
    return path
