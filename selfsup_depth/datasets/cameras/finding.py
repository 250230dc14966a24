"""Where the cameras of one's own images are described: a file, a field of view, or the images themselves."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from selfsup_depth.datasets.cameras.lens_facts import camera_of_exif, camera_of_field_of_view, guessed_camera
from selfsup_depth.datasets.cameras.model import CameraRig
from selfsup_depth.datasets.cameras.reading import NAMES, RigFile, calibration_in
from selfsup_depth.datasets.cameras.rigs import fit_rig, rig_of_one
from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError


def find_rig(
    folder: Path, options: FootageOptions, image: Path | None, size: tuple[int, int], *, scene: str | None = None
) -> CameraRig:
    """The cameras of the images in a folder, for images of `size` (width, height); see `RigFinder`."""
    return RigFinder(options).find(folder, image, size, scene=scene)


class RigFinder:
    """Finds the cameras of images, and reads each file once.

    Looked at in this order: --calibration; a calibration file in the folder of the images or above it; --fov;
    EXIF of an image; where the focal length is learnt, a guess. An option that would have no effect is refused.
    """

    def __init__(self, options: FootageOptions) -> None:
        self._options = options
        self._files: dict[Path, RigFile] = {}

    def find(
        self,
        folder: Path,
        image: Path | None,
        size: tuple[int, int],
        *,
        scene: str | None = None,
        highest: Path | None = None,
        shown: str | None = None,
    ) -> CameraRig:
        """The rig, scaled to images of `size` (width, height).

        Args:
            image: one of them; its EXIF, and the scene in its name (what stands before the last underscore).
            scene: where calibrations differ from scene to scene; None: the one in the image's name.
            highest: the last folder in which a file is looked for; None: the one above `folder`.
            shown: whose images these are, for messages; None: the image or the folder.

        Raises:
            UserError: when there is nothing, saying what to write; and for numbers that cannot be those of the images.
        """
        options = self._options
        places = _places(folder, highest)
        path = self._file(places)
        shown = shown or str(image or folder)
        if path is not None:
            if options.fov is not None:
                raise UserError(
                    f"--fov {options.fov:g} would have no effect, because {path} describes the camera: leave it out, "
                    "or remove that file."
                )
            file = self._files.get(path) or RigFile(path)
            self._files[path] = file
            if scene is None and image is not None:
                scene = image.stem.rpartition("_")[0] or None
            return fit_rig(file.of_scene(scene, baseline=options.baseline, size=size), size, shown)
        is_guess = False
        if options.fov is not None:
            camera, source = camera_of_field_of_view(options.fov, size), f"--fov {options.fov:g}"
        else:
            told = camera_of_exif(image) if image is not None else None
            if told is None and options.guess_fov is not None:
                is_guess = True
                guess = f"a guess of {options.guess_fov:g} degrees, from which the focal length is learnt"
                told = guessed_camera(options.guess_fov, size), guess
            if told is None:
                raise _nothing_found(places, image, size)
            camera, source = told
        if options.baseline is not None:
            source += f" and --baseline {options.baseline:g}"
        rig = replace(rig_of_one(camera, source, options.baseline), is_guess=is_guess)
        return fit_rig(rig, size, shown)

    def asks_each_image(self, folder: Path, highest: Path | None = None) -> bool:
        """Whether nothing tells of the cameras of a folder but the EXIF of its images, which may differ."""
        return self._options.fov is None and self._file(_places(folder, highest)) is None

    def _file(self, places: list[Path]) -> Path | None:
        given = self._options.calibration
        if given is not None:
            given = given.expanduser()
            if not given.exists():
                raise UserError(
                    f"--calibration {given}: there is no such file or folder",
                    cause="a path that was mistyped, or is relative to another folder",
                    remedy="correct the path",
                )
            return given
        return next((path for place in places if (path := calibration_in(place)) is not None), None)


def _places(folder: Path, highest: Path | None) -> list[Path]:
    """The folder and those above it, up to the highest."""
    folder = Path(os.path.abspath(folder))  # without "..", so that the folders above are those of the name
    last = Path(os.path.abspath(highest)) if highest is not None else folder.parent
    above = [place for place in folder.parents if place == last or last in place.parents]
    return [folder, *above]


def _nothing_found(places: list[Path], image: Path | None, size: tuple[int, int]) -> UserError:
    width, height = size
    picture = "" if image is None else f", and {image.name} has no focal length in its EXIF"
    return UserError(
        f"{places[0]}/{NAMES[0]}.json is missing (also not found as .yaml, .yml or .xml, nor up to {places[-1]})"
        f"{picture}",
        cause="a camera that was never calibrated, or a calibration that lies elsewhere or has another name",
        remedy=f'write the camera there, e.g. {{"image_width": {width}, "image_height": {height}, '
        f'"fx": {0.8 * width:.1f}, "fy": {0.8 * width:.1f}, "cx": {width / 2 - 0.5:g}, "cy": {height / 2 - 0.5:g}, '
        '"baseline_m": 0.12, "pixel_origin": "centre"} (baseline_m only of a stereo pair; centre: as OpenCV counts), '
        "give a file of OpenCV's or ROS's calibration with --calibration, or the horizontal field of view in degrees "
        "with --fov, e.g. --fov 60; if nobody knows it, and of one camera, check, prepare and train with "
        "--learn_intrinsics, which starts from a guess",
    )
