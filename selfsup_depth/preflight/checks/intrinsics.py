"""Focal lengths and principal points: in pixels, of this image size, of a camera that can be."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from selfsup_depth.datasets.images import resize_image
from selfsup_depth.errors import UserError
from selfsup_depth.preflight.drawing import as_array, draw_camera, named, strip
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
WIDEST_SHAPE = 3.6  # of any camera's images
MOST_CAUSES = 3  # of refusals that are told


def intrinsics(footage: Footage) -> Result:
    """The reader accepts them: pixels, not shares of the image; inside the image; finite; a possible angle."""
    pictures = footage.pictures
    if not pictures:
        return not_looked("no image could be read")
    refused = {picture.path: picture.fault for picture in pictures if picture.fault is not None} | footage.refused
    if not refused:
        fx, _, cx, fy, cy = _numbers(pictures[0])
        width, height = pictures[0].stored_size
        return good(f"fx {fx:.1f}, fy {fy:.1f}, cx {cx:.1f}, cy {cy:.1f} of {width}x{height}")
    by_cause: dict[str, list[str]] = {}
    for path, error in refused.items():
        by_cause.setdefault(error.cause, []).append(path)
    findings = [_refusal(footage, paths, refused[paths[0]]) for paths in by_cause.values()]
    return bad(f"{len(refused)} images refused", *findings[:MOST_CAUSES])


def _refusal(footage: Footage, paths: list[str], error: UserError) -> Finding:
    """Images that are refused for one cause."""
    picture = next((picture for picture in footage.pictures if picture.path == paths[0]), None)
    return Finding(
        "intrinsics", "error", len(paths), "images", "a camera in pixels of the image and metres",
        error.found,
        error.cause or "a calibration that is incomplete, damaged, or of other images",
        error.remedy or "correct it as the message says, or calibrate anew (docs/your_own_data.md says the format)",
        None if picture is None else _marked(picture),
    )  # fmt: skip


def _marked(picture: Picture) -> np.ndarray:
    if picture.stored_intrinsics is None:
        return strip([named("as stored", picture)], across=1)
    _, _, cx, _, cy = _numbers(picture)
    return draw_camera(picture, (cx, cy))


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
            strip((named("prepared with a guess", pictures[0]),)),
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
            f"it is at ({cx:.0f}, {cy:.0f}) of {width}x{height}, {worst.place}", cause, remedy, _marked(worst),
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
    picture = angles[odd[0]]
    fx, width = _numbers(picture)[0], picture.stored_size[0]
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
            strip([(f"seen under {odd[0]:.0f} degrees, if fx is right", as_array(picture))], across=1),
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
    if footage.is_prepared:  # squeezed to the size of training, from a shape that nothing tells
        common = 1 / WIDEST_SHAPE < shape < WIDEST_SHAPE
    if abs(ratio - 1) < SQUARE_PIXELS or (common and (footage.is_prepared or 0.4 < ratio < 2.5)):
        return good(seen if abs(ratio - 1) < SQUARE_PIXELS else f"{seen}: squeezed, of a sensor {shape:.2f} wide by 1")
    return bad(
        seen,
        Finding(
            "focal_ratio", "warning", ratio, "fx / fy", "1, or an image squeezed from a common shape",
            f"fx = {fx:g}, fy = {fy:g} in {worst.stored_size[0]}x{worst.stored_size[1]}",
            "a typing error, fx or fy of another resolution, or an image resized in one direction only",
            "correct fx or fy; if the images were resized, scale fx and cx by the width, fy and cy by the height",
            strip([
                named("as stored", worst),
                ("as wide as fx and fy say: does it look right?", as_array(_unsqueezed(worst))),
            ]),
        ),
    )  # fmt: skip


def _numbers(picture: Picture) -> tuple[float, float, float, float, float]:
    """fx, skew, cx, fy, cy in pixels of the stored image."""
    K: Tensor | None = picture.stored_intrinsics
    assert K is not None  # the callers choose pictures that have them
    return float(K[0, 0]), float(K[0, 1]), float(K[0, 2]), float(K[1, 1]), float(K[1, 2])


def _off_centre(picture: Picture) -> tuple[float, float]:
    _, _, cx, _, cy = _numbers(picture)
    return cx / picture.stored_size[0] - 0.5, cy / picture.stored_size[1] - 0.5


def _degrees(picture: Picture) -> float:
    fx, _, cx, _, _ = _numbers(picture)
    width = picture.stored_size[0]
    return math.degrees(math.atan2(cx, fx) + math.atan2(width - cx, fx))


def _unsqueezed(picture: Picture) -> Tensor:
    """[3, h, w] as it would be with square pixels, were fx and fy right."""
    ratio = min(max(_ratio(picture), 0.2), 5.0)
    height, width = picture.height * max(1.0, ratio), picture.width * max(1.0, 1 / ratio)
    return resize_image(picture.colour, round(height), round(width))


def _ratio(picture: Picture) -> float:
    fx, _, _, fy, _ = _numbers(picture)
    return fx / fy
