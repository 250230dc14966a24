"""The cameras of a folder of one's own footage: found for each clip, refused where its images cannot be used as is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image
from torch import Tensor

from geometry.se3 import invert_transform
from selfsup_depth.datasets.calibration import cause_of_another_shape
from selfsup_depth.datasets.cameras import CameraRig, RigFinder, fit_camera
from selfsup_depth.datasets.cameras.lens_facts import camera_of_exif
from selfsup_depth.datasets.cameras.rigs import ASPECT_TOLERANCE
from selfsup_depth.datasets.images import BROKEN, read_image
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError

WHOLE_BYTES = ("1", "L", "P", "RGB", "RGBA", "LA", "PA", "CMYK", "YCbCr")  # Pillow's modes of up to 8 bits a channel
#: Focal lengths of one lens that EXIF tells differ by rounding; 26 and 27 mm of a zoom differ by 4 %.
FOCAL_TOLERANCE = 0.02


class FolderCameras:
    """Rigs by clip. `highest` is the last folder in which a calibration file is looked for."""

    def __init__(self, options: FootageOptions, highest: str) -> None:
        self._finder = RigFinder(options)
        self._highest = Path(highest)
        self._rigs: dict[str, CameraRig] = {}
        self._from_right: dict[str, Tensor] = {}  # clip -> left_T_right

    def rig(self, clip: str, folder: str, image: str, images: Callable[[], Iterable[str]]) -> CameraRig:
        """The rig of a clip whose sequence lies in `folder`, scaled to one of its images.

        Args:
            images: lists all of the clip's, which are asked where EXIF alone tells the camera.

        Raises UserError when nothing tells the camera, for numbers that cannot be those of the image, and for a zoom.
        """
        if clip not in self._rigs:
            if self._finder.asks_each_image(Path(folder), self._highest):
                _refuse_zoom(images())
            self._rigs[clip] = self._finder.find(
                Path(folder), Path(image), image_size(image), scene=clip, highest=self._highest
            )
        return self._rigs[clip]

    def stereo_T_target(self, clip: str, side: str) -> Tensor | None:
        """[4, 4] metres from the camera of this side to the other one, of a clip whose rig was asked for.

        None: the baseline is not known.
        """
        right_T_left = self._rigs[clip].right_T_left
        if right_T_left is None or side == "l":
            return right_T_left
        if clip not in self._from_right:
            self._from_right[clip] = invert_transform(right_T_left)
        return self._from_right[clip]


def _refuse_zoom(images: Iterable[str]) -> None:
    """Raises UserError when EXIF tells different focal lengths; an image whose EXIF tells none is like the others."""
    first: tuple[str, float] | None = None
    for image in images:
        told = camera_of_exif(Path(image))
        if told is None:
            continue
        focal = float(told[0].intrinsics[0, 0]) / max(told[0].size)
        first = first or (image, focal)
        if abs(focal / first[1] - 1) > FOCAL_TOLERANCE:
            raise UserError(
                f"The EXIF of {first[0]} tells a focal length of {first[1]:.3f} of the longer side and that of {image} "
                f"{focal:.3f}, but one camera is expected in a sequence",
                cause="a zoom that was moved, or pictures of several lenses or phones",
                remedy="put images of another zoom or lens into a folder of their own, or give the camera of all with "
                "--calibration or --fov",
            )


def intrinsics_of(rig: CameraRig, side: str, size: tuple[int, int], image: str) -> Tensor:
    """[3, 3] of the camera of this side, for an image of this (width, height).

    Raises UserError when the image has another shape than those that the rig is for, as in a folder of mixed sizes.
    """
    camera = rig.left if side == "l" or rig.right is None else rig.right
    width, height = camera.size
    if abs(size[0] * height / (size[1] * width) - 1) > ASPECT_TOLERANCE:
        raise UserError(
            f"{image} has {size[0]}x{size[1]}, but other images of its sequence have {width}x{height}, another shape",
            cause=cause_of_another_shape(size, (width, height)),
            remedy="put images of another camera, or turned ones, into a folder of their own, or remove them",
        )
    return fit_camera(camera, size, rig.source, image).intrinsics


def refuse_raw_images(rig: CameraRig, *, with_stereo: bool) -> None:
    """Raises UserError for a rig whose images have to be undistorted, or for stereo rectified, before they are used."""
    once = "once with prepare_data.py, and train from what it writes (--dataset prepared)"
    if rig.is_distorted:
        raise UserError(
            f"{rig.source} tells of lens distortion, but images are used as they lie here: undistort them {once}; if "
            "they are undistorted already, give the calibration of these images, without distortion."
        )
    if not with_stereo:
        return
    if rig.right_T_left is None:
        raise UserError(
            f"--use_stereo needs the distance of the cameras, which {rig.source} does not tell: add 'baseline_m' to "
            "the calibration, give it in metres as --baseline, or leave out --use_stereo."
        )
    if not rig.is_rectified:
        raise UserError(
            f"{rig.source} tells of cameras that are not rectified, but --use_stereo needs a point in the same row of "
            f"both images: rectify them {once}; if they are rectified already, give the calibration of these images."
        )


def image_size(path: str) -> tuple[int, int]:
    """(width, height) from the file's header.

    Raises UserError where `read_image` does: for a file that is missing, no image, or has 16 bits a channel.
    """
    try:
        with Image.open(path) as picture:
            if picture.mode in WHOLE_BYTES:
                return picture.size
    except BROKEN:
        pass  # read_image says what is wrong
    height, width = read_image(path).shape[-2:]
    return int(width), int(height)
