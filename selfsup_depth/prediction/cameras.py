"""The camera of a picture, which its point cloud needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from geometry.camera import intrinsics_matrix, resize_intrinsics
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.datasets.cameras import Camera, CameraRig, RigFinder
from selfsup_depth.datasets.cameras.lens_facts import camera_of_exif
from selfsup_depth.datasets.cameras.reading import calibration_in
from selfsup_depth.datasets.prepared_files import Camera as Side
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.exif import turn_intrinsics
from selfsup_depth.prediction.frames import Frame

TRAINING_CAMERA = "the training camera, which the checkpoint knows"
SQUARE_TOLERANCE = 0.1


#: A picture [3, h, w] of one camera of a rig -> the same as a pinhole camera sees it, and its intrinsics [3, 3].
Undistort = Callable[[CameraRig, Side, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class PictureCamera:
    """Intrinsics of one picture at its own size."""

    intrinsics: Tensor  # [3, 3] float64 pixels, corner origin
    source: str  # where they come from, in words


class PictureCameras:
    """Finds the camera of each picture.

    In this order: --calibration, a calibration beside the pictures or one folder higher (two of left/ and right/, as
    of `val/left`), --fov, the picture's EXIF, the training camera where the checkpoint knows it.
    """

    def __init__(
        self, options: FootageOptions, folder: Path | None, meta: CheckpointMeta, undistort: Undistort | None = None
    ) -> None:
        """`folder` is the video's, where pictures are frames of one; None: of a webcam."""
        self.undistort = undistort
        self._finder = RigFinder(options)
        #: lenses do not depend on the distance of two cameras, which OpenCV writes in any unit
        self._of_any_length = RigFinder(replace(options, baseline=1.0))
        self._is_given = options.calibration is not None or options.fov is not None
        self._folder, self._meta = folder, meta

    def told(self, frame: Frame) -> PictureCamera | None:
        """What a calibration beside the picture or its EXIF tells; None where they tell nothing that is of use.

        For pictures whose depth does not need it: what `of` would refuse is None, too, and the training camera is not
        taken for theirs.
        """
        folder = frame.path.parent if frame.path is not None else self._folder
        try:
            return self.of(frame) if _is_described(folder, frame.path) else None
        except UserError:
            return None

    def lens(self, frame: Frame) -> Path | None:
        """The calibration that says that a picture's lens has distortion; None: none does, or it was taken out."""
        folder = frame.path.parent if frame.path is not None else self._folder
        if self.undistort is not None or frame.turned or folder is None:
            return None
        try:
            file = _calibration_near(folder)
        except UserError:  # several: nobody knows which one is meant
            return None
        if file is None:
            return None
        for finder in (self._finder, self._of_any_length):
            try:
                rig = finder.find(file.parent, frame.path, frame.size[::-1])
            except UserError:
                continue
            return file if _camera_of(rig, frame.path).is_distorted else None
        return None

    def undistorted(self, frame: Frame) -> tuple[Frame, PictureCamera]:
        """The picture of a pinhole camera, and that camera.

        Raises UserError when nothing tells the lens, or when it cannot be undistorted.
        """
        assert self.undistort is not None
        rig = self._rig(frame, frame.size)
        image, intrinsics = self.undistort(rig, _side_of(rig, frame.path), frame.image)
        changed = "" if image is frame.image else ", undistorted"
        return replace(frame, image=image), PictureCamera(intrinsics, rig.source + changed)

    def of(self, frame: Frame) -> PictureCamera:
        """Raises UserError when nothing tells the camera, when it is not the picture's, and for a distorted one."""
        size = frame.size
        if frame.turned and frame.orientation >= 5:  # stored lying on its side
            size = size[1], size[0]
        camera = self._stored(frame, size)
        if not frame.turned:
            return camera
        return PictureCamera(turn_intrinsics(camera.intrinsics, frame.orientation, size), camera.source)

    def _stored(self, frame: Frame, size: tuple[int, int]) -> PictureCamera:
        """Of the pixels as stored; `size` is (height, width)."""
        folder = frame.path.parent if frame.path is not None else self._folder
        if not self._is_given and not _is_described(folder, frame.path):
            training = self._training_camera(frame, size)
            if training is not None:
                return training
            if folder is None:
                raise UserError(
                    f"--outputs ply: nothing tells the camera of {frame.shown}: give its calibration with "
                    "--calibration, or its horizontal field of view in degrees with --fov."
                )
        rig = self._rig(frame, size)
        camera = _camera_of(rig, frame.path)
        if camera.is_distorted:
            raise UserError(
                f"--outputs ply: {rig.source} describes a lens with distortion, which would bend the point cloud of "
                f"{frame.shown}: add --undistort, which takes it out of picture and cloud."
            )
        return PictureCamera(camera.intrinsics, rig.source)

    def _rig(self, frame: Frame, size: tuple[int, int]) -> CameraRig:
        """Of pictures of `size` (height, width)."""
        folder = frame.path.parent if frame.path is not None else self._folder or Path()
        return self._finder.find(folder, frame.path, (size[1], size[0]), highest=_highest(folder))

    def _training_camera(self, frame: Frame, size: tuple[int, int]) -> PictureCamera | None:
        """The training camera, taking for granted that it made these pictures too."""
        meta = self._meta
        if meta.intrinsics is None:
            return None
        K = resize_intrinsics(intrinsics_matrix(*meta.intrinsics).double(), size[1] / meta.width, size[0] / meta.height)
        pixel_shape = float(K[0, 0] / K[1, 1])
        if abs(pixel_shape - 1) > SQUARE_TOLERANCE:
            raise UserError(
                f"--outputs ply: the checkpoint's training camera did not take {frame.shown}: at its "
                f"{size[1]}x{size[0]} pixels fx / fy would be {pixel_shape:.2f} where 1 is expected; give the camera "
                "of the picture with --calibration or --fov."
            )
        return PictureCamera(K, TRAINING_CAMERA)


def _is_described(folder: Path | None, image: Path | None) -> bool:
    """Whether a file, or the picture itself, says anything of its camera."""
    if folder is not None and _calibration_near(folder) is not None:
        return True
    return image is not None and camera_of_exif(image) is not None


def _calibration_near(folder: Path) -> Path | None:
    """The calibration file in a folder of pictures, or above it up to the last folder in which training looks."""
    own, highest = folder.absolute(), _highest(folder)
    places = [own, *(place for place in own.parents if place == highest or highest in place.parents)]
    return next((file for place in places if (file := calibration_in(place))), None)


def _highest(folder: Path) -> Path:
    """One folder above the frames; of `left/` or `right/` above the folder that holds both."""
    own = folder.absolute()
    return own.parent.parent if own.name in ("left", "right") else own.parent


def _side_of(rig: CameraRig, image: Path | None) -> Side:
    """The right camera for pictures in a folder `right`, else the left or only one."""
    is_right = image is not None and image.absolute().parent.name == "right"
    return "right" if is_right and rig.right is not None else "left"


def _camera_of(rig: CameraRig, image: Path | None) -> Camera:
    return rig.right if _side_of(rig, image) == "right" and rig.right is not None else rig.left
