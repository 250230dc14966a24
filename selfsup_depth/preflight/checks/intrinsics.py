"""Focal lengths and principal points: in pixels, of this image size, of a camera that can be."""

from __future__ import annotations

import math

from torch import Tensor

from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage
from selfsup_depth.preflight.views import Picture

#: Share of the image size. Centres lie within 0.05 on KITTI, and at 0.08 in the Middlebury pair, which was rectified
#: to two of them; calibrations of another resolution are off by 0.1 (1280 for 1024 pixels), mostly 0.17 or more.
FURTHEST_CENTRE, CERTAINLY_FOREIGN = 0.11, 0.22
#: Horizontal degrees, of pinhole images: phones have 50 to 80, action cameras up to 120 once undistorted, telephoto
#: lenses of 100 mm have 20. 90 (the built-in rooms) and 81 (KITTI) are common.
NARROWEST, WIDEST = 18.0, 125.0
#: fx / fy of pixels that are square, after resizing to a multiple of 32 (640x192 of 1242x375 leaves 1.006).
SQUARE_PIXELS = 0.06
#: Shapes of sensors, and of KITTI's crop: an image that was squeezed to another size still spans the angles of one.
SENSOR_SHAPES = (1.0, 5 / 4, 4 / 3, 3 / 2, 16 / 10, 16 / 9, 2.0, 3.31)
SHAPE_TOLERANCE = 0.02


def intrinsics(footage: Footage) -> Result:
    """The reader accepts them: pixels, not shares of the image; inside the image; finite; a possible angle."""
    pictures = footage.pictures
    if not pictures and not footage.refused:
        return not_looked("no image could be read")
    refused = [picture for picture in pictures if picture.intrinsics is None]
    if not refused and not footage.refused:
        fx, _, cx, fy, cy = _numbers(pictures[0])
        width, height = pictures[0].stored_size
        return good(f"fx {fx:.1f}, fy {fy:.1f}, cx {cx:.1f}, cy {cy:.1f} of {width}x{height}")
    count = len({picture.path for picture in refused} | set(footage.refused))
    why = refused[0].trouble if refused else next(iter(footage.refused.values()))
    normalised = bool(refused) and _look_normalised(refused[0])
    cause = "numbers as shares of the image size, as Monodepth2's classes have them" if normalised else (
        "a calibration of another camera or another image size, or a typing error"
    )  # fmt: skip
    remedy = (
        "multiply fx and cx by the image's width, fy and cy by its height" if normalised else
        "give the calibration in pixels, together with the size of the images that it was made with"
    )  # fmt: skip
    return bad(
        f"{count} images refused",
        Finding("intrinsics", "error", count, "images", "intrinsics in pixels of the image", why, cause, remedy),
    )


def known_camera(footage: Footage) -> Result:
    """Something told the camera, or it is learnt."""
    guessed = [part for part in footage.parts if part.source.camera_is_guess]
    if not guessed:
        return good("told, not guessed")
    pictures = [picture for picture in footage.pictures if picture.stored_intrinsics is not None]
    if not pictures:
        return not_looked("no intrinsics")
    degrees = _degrees(pictures[0])
    if all(part.source.request.options.footage.guess_fov is not None for part in guessed):
        return good(f"a guess of {degrees:.0f} degrees, from which it is learnt")
    return bad(
        f"a guess of {degrees:.0f} degrees",
        Finding(
            "known_camera", "warning", degrees, "degrees", "a camera that something tells, or that is learnt",
            f"nothing told the camera when these images were prepared: {degrees:.0f} degrees across are a guess",
            "prepared with --learn_intrinsics, from footage without calibration",
            "train with --learn_intrinsics, or prepare the footage again with a calibration or --fov",
        ),
    )  # fmt: skip


def image_of_calibration(footage: Footage) -> Result:
    """The principal point is near the middle: a calibration of another resolution puts it elsewhere."""
    pictures = [picture for picture in footage.pictures if picture.stored_intrinsics is not None]
    if not pictures:
        return not_looked("no intrinsics")
    worst = max(pictures, key=lambda picture: max(abs(offset) for offset in _off_centre(picture)))
    right, down = _off_centre(worst)
    number = max(abs(right), abs(down))
    seen = f"at most {number:.1%} of the image from its middle"
    if number <= FURTHEST_CENTRE:
        return good(seen)
    _, _, cx, _, cy = _numbers(worst)
    width, height = worst.stored_size
    scale_x, scale_y = 2 * cx / width, 2 * cy / height
    same = abs(scale_x - scale_y) < 0.08 * max(scale_x, scale_y)
    cause = (
        f"a calibration of another resolution, about {round(2 * cx)}x{round(2 * cy)} ({scale_x:.2f} times this one)"
        if same else "an image that was cropped after the calibration, or cx and cy exchanged"
    )  # fmt: skip
    remedy = (
        "write the size that the calibration was made with beside its numbers (image_width, image_height)" if same else 
        "subtract what was cut off on the left and above from cx and cy"
    )  # fmt: skip
    return bad(
        seen,
        Finding(
            "image_of_calibration", "error" if number > CERTAINLY_FOREIGN else "warning", 100 * number,
            "% of the image", f"the principal point within {FURTHEST_CENTRE:.0%} of the middle",
            f"it is at ({cx:.0f}, {cy:.0f}) of {width}x{height}, {worst.path}", cause, remedy,
        ),
    )  # fmt: skip


def field_of_view(footage: Footage) -> Result:
    """An angle that lenses without fisheye distortion have."""
    pictures = [picture for picture in footage.pictures if picture.stored_intrinsics is not None]
    if not pictures:
        return not_looked("no intrinsics")
    angles = {_degrees(picture): picture for picture in pictures if _numbers(picture)[0] > 0}
    if not angles:
        return not_looked("no positive focal length")
    seen = f"{min(angles):.0f} to {max(angles):.0f} degrees wide"
    odd = [angle for angle in angles if not NARROWEST <= angle <= WIDEST]
    if not odd:
        return good(seen)
    fx, width = _numbers(angles[odd[0]])[0], angles[odd[0]].stored_size[0]
    wide = odd[0] > WIDEST
    return bad(
        seen,
        Finding(
            "field_of_view", "error" if not 8 <= odd[0] <= 160 else "warning", odd[0], "degrees",
            f"{NARROWEST:.0f} to {WIDEST:.0f} degrees",
            f"fx = {fx:g} pixels sees {width} pixels under {odd[0]:.0f} degrees",
            "a focal length in millimetres, or of a smaller image; or a fisheye image that was not undistorted" if wide
            else "a focal length of a larger image, or in micrometres",
            "give fx in pixels of this image (width / 2 / tan(field of view / 2)), or undistort with prepare_data.py",
        ),
    )  # fmt: skip


def focal_ratio(footage: Footage) -> Result:
    """fx and fy agree, or differ as in a squeezed image of a common sensor."""
    pictures = [picture for picture in footage.pictures if picture.intrinsics is not None]
    if not pictures:
        return not_looked("no intrinsics")
    worst = max(pictures, key=lambda picture: abs(math.log(_ratio(picture))))
    ratio = _ratio(worst)
    fx, _, _, fy, _ = _numbers(worst)
    seen = f"fx / fy = {ratio:.3f}"
    shape = worst.stored_size[0] / fx / (worst.stored_size[1] / fy)
    common = any(abs(shape / other - 1) < SHAPE_TOLERANCE for one in SENSOR_SHAPES for other in (one, 1 / one))
    if abs(ratio - 1) < SQUARE_PIXELS or (common and 0.4 < ratio < 2.5):
        return good(seen if abs(ratio - 1) < SQUARE_PIXELS else f"{seen}: squeezed, of a sensor {shape:.2f} wide by 1")
    return bad(
        seen,
        Finding(
            "focal_ratio", "warning", ratio, "fx / fy", "1, or an image squeezed from a common shape",
            f"fx = {fx:g}, fy = {fy:g} in {worst.stored_size[0]}x{worst.stored_size[1]}",
            "a typing error, fx or fy of another resolution, or an image resized in one direction only",
            "correct fx or fy; if the images were resized, scale fx and cx by the width, fy and cy by the height",
        ),
    )  # fmt: skip


def _numbers(picture: Picture) -> tuple[float, float, float, float, float]:
    """fx, skew, cx, fy, cy in pixels of the stored image."""
    K: Tensor | None = picture.stored_intrinsics
    assert K is not None  # the callers choose pictures that have them
    return float(K[0, 0]), float(K[0, 1]), float(K[0, 2]), float(K[1, 1]), float(K[1, 2])


def _look_normalised(picture: Picture) -> bool:
    if picture.stored_intrinsics is None:
        return "normalised" in picture.trouble
    fx, _, cx, fy, cy = _numbers(picture)
    return 0 <= cx <= 1 and 0 <= cy <= 1 and max(fx, fy) < 20


def _off_centre(picture: Picture) -> tuple[float, float]:
    _, _, cx, _, cy = _numbers(picture)
    return cx / picture.stored_size[0] - 0.5, cy / picture.stored_size[1] - 0.5


def _degrees(picture: Picture) -> float:
    fx, _, cx, _, _ = _numbers(picture)
    width = picture.stored_size[0]
    return math.degrees(math.atan2(cx, fx) + math.atan2(width - cx, fx))


def _ratio(picture: Picture) -> float:
    fx, _, _, fy, _ = _numbers(picture)
    return fx / fy
