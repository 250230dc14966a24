"""What --image_path names."""

from __future__ import annotations

from selfsup_depth.datasets.video import VIDEO_SUFFIXES
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.frames import Source
from selfsup_depth.prediction.image_files import ImageFiles, find_images
from selfsup_depth.prediction.options import PredictConfig
from selfsup_depth.prediction.video_frames import VideoFrames, Webcam


def open_source(config: PredictConfig) -> Source:
    """The images, the video or the webcam that the options name.

    A whole number is a webcam unless a file has that name: one option says where pictures come from, and
    there is no second one that could contradict it.

    Raises UserError when there is nothing of that kind, and for options that would have no effect on it.
    """
    path = config.image_path
    is_webcam = path.name == str(path) and str(path).isdecimal() and not path.exists()
    is_video = path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES
    kind = "a webcam" if is_webcam else "a video" if is_video else "a folder" if path.is_dir() else "an image"
    _refuse_idle_options(config, kind)
    if is_webcam:
        return Webcam(int(str(path)))
    if is_video:
        return VideoFrames(path)
    images = find_images(path, config.ext, recursive=config.recursive)
    root = path if path.is_dir() else path.parent
    return ImageFiles(root, images, upright=config.apply_exif_rotation)


def _refuse_idle_options(config: PredictConfig, kind: str) -> None:
    """Raises UserError for options that would have no effect on this kind of input."""
    idle = {
        "--ext": config.ext is not None and kind != "a folder",
        "--recursive": config.recursive and kind != "a folder",
        "--apply_exif_rotation": config.apply_exif_rotation and kind in ("a video", "a webcam"),
        "--stereo_layout": config.stereo_layout != "separate" and kind not in ("a video", "a webcam"),
        "--temporal_smoothing": config.temporal_smoothing > 0 and kind == "an image",
        "--fps": config.fps is not None and kind in ("a video", "an image"),
    }
    for option, has_no_effect in idle.items():
        if has_no_effect:
            raise UserError(f"{option} has no effect on --image_path {config.image_path} ({kind}): leave it out")
    if kind == "a webcam" and config.output_directory is None:
        raise UserError("--output_directory is needed with a webcam: give the folder for its results")
