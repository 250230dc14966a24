"""The options of `predict_depth.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geometry.pointcloud import EDGE_THRESHOLD
from selfsup_depth.config import FootageConfig
from selfsup_depth.errors import UserError

OutputName = Literal["npy", "color", "png16_mm", "png16_kitti", "tiff", "side_by_side", "ply"]


@dataclass(frozen=True)
class PredictConfig:
    """Depth of an image, a folder of images, a video or a webcam, with its unit."""

    image_path: Path
    """An image, a folder of images, a video, or a webcam's number (0 is the first; a file of that name wins)."""
    load_weights_folder: Path | None = None
    """Checkpoint folder: ours, Monodepth2's or DistDepth's."""
    weights_format: str | None = None
    """Whose files that folder holds: selfsup_depth, monodepth2 or distdepth; default: seen from the files, and
    said."""
    output_directory: Path | None = None
    """Where the results go; default: beside the images or the video."""
    outputs: tuple[OutputName, ...] = ()
    """What to write: npy (float32), color (png to look at), png16_mm (16 bits, millimetres), png16_kitti (16 bits,
    metres * 256), tiff (float32), side_by_side (picture and depth; an mp4 for a video or a folder), ply (point cloud).
    A .json that says unit and scale is always written. Default: npy color; of a video or a webcam side_by_side."""
    ext: str | None = None
    """In a folder, take only files with this ending, for example jpg; default: every kind of image."""
    recursive: bool = False
    """Search the folders in a folder too; results are laid out alike."""
    max_frames: int | None = None
    """Stop after this many images. None: all; a webcam runs until Ctrl-C."""
    apply_exif_rotation: bool = False
    """Turn photos upright as their EXIF says. Without it they are read as stored, which is what a calibration is of."""
    undistort: bool = False
    """Take the lens's distortion out first, as prepare_data.py did for training, and of a pair that is not rectified
    the turn too: depth is then of the undistorted picture. The calibration is looked for as for ply."""
    stereo_layout: Literal["separate", "side_by_side", "top_bottom"] = "separate"
    """Of a video or webcam with both images of a pair in every frame: the left or upper one is taken."""
    temporal_smoothing: float = 0.0
    """Weight of the past, 0 to below 1, in each pixel's depth of consecutive frames: steadier to look at, not to be
    measured. 0: every frame by itself."""
    fps: float | None = None
    """Frame rate of the side-by-side video of a folder or a webcam (default 10); a video keeps its own."""
    calibration: Path | None = None
    """For ply and --undistort: calibration file of the camera (ours, or OpenCV's YAML). None: looked for beside the
    images; for ply then --fov, EXIF, the training camera where the checkpoint knows it."""
    fov: float | None = None
    """For ply: horizontal field of view in degrees, where there is no calibration."""
    baseline: float | None = None
    """With a calibration of two cameras whose T is not in metres: their distance in metres, as in training."""
    cloud_max_depth: float | None = None
    """For ply: leave out points farther than this, in the unit of the depth. None: none."""
    cloud_edge_threshold: float = EDGE_THRESHOLD
    """For ply: leave out pixels where neighbouring depths differ by more than this share; inf keeps all."""
    batch_size: int = 1
    """Images per forward pass. Changes speed, not results."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the network; the rest is computed in fp32. bf16 (also on CPUs that have it) and fp16 (GPU) are faster and
    change depth by about a hundredth."""
    engine: str = "torch"
    """What runs the network: torch, or onnx (a file of export_onnx.py, in onnxruntime)."""
    onnx_file: Path | None = None
    """With --engine onnx: the exported network."""
    no_cuda: bool = False
    """Predict on the CPU even where there is a GPU."""

    def __post_init__(self) -> None:
        FootageConfig(calibration=self.calibration, fov=self.fov, baseline=self.baseline)  # refuses impossible ones
        if len(set(self.outputs)) < len(self.outputs):
            raise UserError(f"--outputs {' '.join(self.outputs)}: name each output once")
        if self.batch_size < 1:
            raise UserError(f"--batch_size must be at least 1, found {self.batch_size}: 1 predicts one by one")
        if self.max_frames is not None and self.max_frames < 1:
            raise UserError(f"--max_frames must be at least 1, found {self.max_frames}: leave it out to take all")
        if not 0 <= self.temporal_smoothing < 1:
            raise UserError(
                f"--temporal_smoothing is the weight of the past, from 0 to below 1, found "
                f"{self.temporal_smoothing:g}: 0.5 averages over about two frames, 0 switches it off"
            )
        if self.fps is not None and not (0 < self.fps <= 240):
            raise UserError(f"--fps must be above 0 and at most 240, found {self.fps:g}: 10 is the default")
        if self.undistort and self.apply_exif_rotation:
            raise UserError(
                "--undistort needs photos as they were taken, which the calibration is of, but --apply_exif_rotation "
                "turns them: leave one of them out"
            )
        self._check_cloud()

    def _check_cloud(self) -> None:
        limits = {"cloud_max_depth": self.cloud_max_depth, "cloud_edge_threshold": self.cloud_edge_threshold}
        for name, value in limits.items():
            if value is not None and (math.isnan(value) or value <= 0):
                raise UserError(f"--{name} must be above 0, found {value:g}: leave it out for the default")
        used = self.fov or self.cloud_max_depth or self.cloud_edge_threshold != EDGE_THRESHOLD
        if used and "ply" not in self.outputs:
            raise UserError(
                "--fov, --cloud_max_depth and --cloud_edge_threshold are of use for point clouds alone: add ply to "
                "--outputs, or leave them out"
            )
        if (self.calibration or self.baseline) and "ply" not in self.outputs and not self.undistort:
            raise UserError(
                "--calibration and --baseline are of use for point clouds and for --undistort alone: add ply to "
                "--outputs, or --undistort, or leave them out"
            )
