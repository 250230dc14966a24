"""A camera from what little is known of its lens: a field of view, or what a photograph's EXIF says."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from selfsup_depth.datasets.cameras.checks import make_camera
from selfsup_depth.datasets.cameras.model import Camera
from selfsup_depth.datasets.cameras.rigs import camera_matrix
from selfsup_depth.datasets.images import BROKEN
from selfsup_depth.errors import UserError

#: The diagonal of 35 mm film (36 x 24 mm).
FILM_DIAGONAL_MM = math.hypot(36.0, 24.0)
MM_OF_RESOLUTION_UNIT = {2: 25.4, 3: 10.0, 4: 1.0}  # inch, centimetre; millimetre is not in the standard but in use
#: Focal lengths told in two ways may differ by this: the 35 mm one is rounded.
AGREEMENT = 0.2
SIDEWAYS = {5: "a quarter turn", 6: "a quarter turn", 7: "a quarter turn", 8: "a quarter turn", 3: "half a turn"}


def camera_of_field_of_view(degrees: float, size: tuple[int, int]) -> Camera:
    """The pinhole camera whose images of `size` (width, height) are so wide: square pixels, central principal point."""
    focal = size[0] / (2 * math.tan(math.radians(degrees) / 2))
    matrix = camera_matrix(focal, focal, size[0] / 2, size[1] / 2)
    return make_camera(matrix, size, [], "pinhole", where=f"--fov {degrees:g}")


def guessed_camera(degrees: float, size: tuple[int, int]) -> Camera:
    """As `camera_of_field_of_view`, of the longer side: a phone that is held upright has the lens of one held level."""
    across = math.tan(math.radians(degrees) / 2) * size[0] / max(size)
    return camera_of_field_of_view(2 * math.degrees(math.atan(across)), size)


def camera_of_exif(image: Path) -> tuple[Camera, str] | None:
    """The pinhole camera that a photograph's EXIF tells, and where that is said; None: it does not tell.

    Either `FocalLength` (mm) with `FocalPlaneXResolution` (pixels per unit, of the picture as it was taken, to which
    the stored one may have been resized), or `FocalLengthIn35mmFilm`, which is over the diagonal, as CIPA
    DCG-001 and phones have it: fx = f35 * (diagonal in pixels) / 43.27 mm. A few per cent off is usual.
    Pixels are as stored: a rotation tag is not applied, only told.

    Raises UserError when the file cannot be read, or when both are given and disagree.
    """
    try:
        with Image.open(image) as picture:
            size, exif = picture.size, picture.getexif()
            tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    except BROKEN as error:
        raise UserError(f"{image} cannot be read as an image ({error}): replace the file.") from error
    of_film, of_sensor = _over_the_diagonal(tags, size), _by_resolution(tags, size)
    if of_film and of_sensor and abs(of_film / of_sensor - 1) > AGREEMENT:
        raise UserError(
            f"The EXIF of {image} disagrees with itself about the focal length ({of_film:.0f} pixels from "
            f"FocalLengthIn35mmFilm, {of_sensor:.0f} from FocalPlaneXResolution): give a calibration, or the "
            "horizontal field of view with --fov."
        )
    focal = of_sensor or of_film
    if not focal:
        return None
    source = f"EXIF of {image.name}"
    turned = SIDEWAYS.get(int(_number(tags, ExifTags.Base.Orientation) or 1))
    if turned:
        source += f" (whose tag asks for {turned}, which is not applied)"
    matrix = camera_matrix(focal, focal, size[0] / 2, size[1] / 2)
    return make_camera(matrix, size, [], "pinhole", where=f"The EXIF of {image}"), source


def _over_the_diagonal(tags: dict[int, Any], size: tuple[int, int]) -> float | None:
    film = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    return film * math.hypot(*size) / FILM_DIAGONAL_MM if film else None


def _by_resolution(tags: dict[int, Any], size: tuple[int, int]) -> float | None:
    focal = _number(tags, ExifTags.Base.FocalLength)
    resolution = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    unit = MM_OF_RESOLUTION_UNIT.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    if not focal or not resolution or unit is None:
        return None
    taken = [_number(tags, tag) for tag in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)]
    # longer sides are compared, because software that turns the pixels upright leaves these tags
    longer = max((side for side in taken if side), default=max(size))
    return focal * resolution / unit * max(size) / longer


def _number(tags: dict[int, Any], tag: int) -> float | None:
    """A positive number; None: not told (0 is written for that)."""
    value = tags.get(tag)
    try:
        number = float(Fraction(value)) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0 else None
