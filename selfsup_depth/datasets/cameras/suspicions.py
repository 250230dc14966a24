"""Numbers that cannot be meant: which slip they look like, and what would have to be written instead.

A suspicion is told by evidence: focal lengths that are shares of an image give square pixels once they are multiplied
by its sides, a lens's millimetres do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_BASELINE_M = 20.0
#: Focal lengths below are in no image's pixels, and images smaller than twice that are not judged by them.
SHORTEST_FOCAL_PIXELS = 20.0
SMALLEST_IMAGE = 10  # below, a principal point of (1, 1) pixels can be meant
#: A principal point within this part of the image from a corner of it, of which both sides agree, is of another size.
CORNER = 1 / 3
#: fx / fy in pixels of a real camera: anything but square is rare, and a quarter is left for squeezed images.
SQUARE = 1.25
#: Horizontal degrees within which a focal length that may be a share of the image's width or millimetres is the share.
USUAL_ANGLES = (18.0, 125.0)
#: From here a rig's baseline in centimetres would be longer than any rig.
CENTIMETRES_TO = 200.0
MILLIMETRES_TO = 20_000.0


class Numbers(NamedTuple):
    """A camera as somebody wrote it down, in whatever unit."""

    fx: float
    fy: float
    cx: float
    cy: float

    def of(self, size: tuple[int, int]) -> str:
        """The numbers in words, for images of `size` (width, height)."""
        told = ", ".join(f"{name} = {value:g}" for name, value in self._asdict().items())
        return f"{told} for images of {size[0]}x{size[1]}"


@dataclass(frozen=True)
class Suspicion:
    """What is wrong with numbers; all three are words for a sentence."""

    found: str
    cause: str
    remedy: str


def suspect_unit(numbers: Numbers, size: tuple[int, int]) -> Suspicion | None:
    """Whether these are not pixels: all or some of them shares of the image's sides, or millimetres."""
    fx, fy, cx, cy = numbers
    if not min(fx, fy) > 0 or not all(map(math.isfinite, numbers)):
        return None
    small_focal = max(fx, fy) < SHORTEST_FOCAL_PIXELS
    centre_is_normalised = 0 < cx <= 1.5 and 0 < cy <= 1.5
    if centre_is_normalised and small_focal and min(size) > SMALLEST_IMAGE:
        return _all_normalised(numbers, size)
    if min(size) < 2 * SHORTEST_FOCAL_PIXELS:
        return None
    if centre_is_normalised and min(fx, fy) > SHORTEST_FOCAL_PIXELS:
        return _centre_normalised(numbers, size)
    if centre_is_normalised or not small_focal:
        return None
    if max(cx, cy) < SHORTEST_FOCAL_PIXELS and min(cx, cy) > 0:
        return _all_millimetres(numbers, size)
    return _focal_unit(numbers, size)


def suspect_sign(numbers: Numbers) -> Suspicion | None:
    """Whether a focal length is negative or was left out."""
    if min(numbers.fx, numbers.fy) > 0:
        return None
    found = f"Focal lengths must be positive, but fx = {numbers.fx:g}, fy = {numbers.fy:g}"
    if min(numbers.fx, numbers.fy) == 0:
        return Suspicion(found, "a focal length that was never filled in", "calibrate, or give --fov and no file")
    return Suspicion(
        found,
        "the matrix of a camera that looks along -z or whose y points up, as in OpenGL and Blender",
        f"write fx = {abs(numbers.fx):g}, fy = {abs(numbers.fy):g} (x right, y down, z forward)",
    )


def suspect_place(numbers: Numbers, size: tuple[int, int]) -> Suspicion | None:
    """Whether the principal point is that of images of another size, or of an image before a crop."""
    cx, cy = numbers.cx, numbers.cy
    x, y = cx / size[0], cy / size[1]
    inside = 0 <= x <= 1 and 0 <= y <= 1
    if inside and max(x, y) >= CORNER and min(x, y) <= 1 - CORNER:
        return None
    other = f"{2 * cx:.0f}x{2 * cy:.0f}"
    found = (
        f"the principal point ({cx:g}, {cy:g}) is that of images of about {other}, but the size given is "
        f"{size[0]}x{size[1]}" if inside else
        f"The principal point must lie inside the image, but does not ({numbers.of(size)})"
    )  # fmt: skip
    if min(x, y) > 0 and max(x / y, y / x) < SQUARE:
        return Suspicion(
            found,
            f"numbers of another resolution: images of about {other}, {x * 2:.2f} times this one",
            f"give the size that was calibrated (image_width, image_height: about {other}) with its numbers, or divide "
            f"all four numbers by {x * 2:.2f}",
        )
    return Suspicion(
        found,
        "numbers of the image before it was cropped or turned, or a typing error",
        "subtract from cx and cy what was cut off on the left and above, and correct the size or the numbers",
    )


def suspect_angle(numbers: Numbers, size: tuple[int, int], narrowest: float, widest: float) -> Suspicion | None:
    """Whether no lens sees an image under such an angle, in degrees."""
    for name, focal, centre, side in (
        ("horizontal", numbers.fx, numbers.cx, size[0]),
        ("vertical", numbers.fy, numbers.cy, size[1]),
    ):
        degrees = math.degrees(math.atan2(centre, focal) + math.atan2(side - centre, focal))
        if narrowest <= degrees <= widest:
            continue
        wide = degrees > widest
        return Suspicion(
            f"The {name} field of view must be {narrowest:g} to {widest:g} degrees, but is {degrees:.1f} "
            f"({numbers.of(size)})",
            "a focal length in millimetres, or of a far smaller image" if wide
            else "a focal length of a far larger image, or in micrometres",
            f"check the unit of the focal length and the image size: 65 degrees would be {0.785 * side:.0f} pixels",
        )  # fmt: skip
    return None


def suspect_baseline(length: float) -> Suspicion | None:
    """Whether a distance of two cameras, or what was written for it, cannot be in metres. `found` is the number."""
    expected = f"{length:g}, expected metres between 0 and {LONGEST_BASELINE_M:g} (120 would be millimetres)"
    if not math.isfinite(length) or length == 0:
        return Suspicion(
            expected, "a distance that was never filled in", "measure from lens to lens, and write it in metres"
        )
    if length < 0:
        return Suspicion(
            expected,
            "the translation of a motion, which has a sign, where a length is asked for",
            f"write it without its sign ({-length:g}), and check that left/ holds the left camera's images",
        )
    if length <= LONGEST_BASELINE_M:
        return None
    if length > MILLIMETRES_TO:
        return Suspicion(
            expected, "a number that is no distance of two cameras in any usual unit",
            "measure from lens to lens, and write it in metres",
        )  # fmt: skip
    other = f", or in centimetres ({length / 100:g} m)" if length <= CENTIMETRES_TO else ""
    instead = f" ({length / 100:g} if these are centimetres)" if other else ""
    return Suspicion(
        expected,
        f"a baseline in millimetres ({length:g} mm are {length / 1000:g} m){other}",
        f"write {length / 1000:g} instead{instead}: the distance from lens to lens in metres",
    )


def _all_normalised(numbers: Numbers, size: tuple[int, int]) -> Suspicion:
    return Suspicion(
        f"Intrinsics must be in pixels but look normalised by the image size ({numbers.of(size)})",
        "numbers as shares of the image size, as Monodepth2's classes have them",
        f"multiply fx and cx by the width, fy and cy by the height, and write {_in_pixels(numbers, size)}",
    )


def _centre_normalised(numbers: Numbers, size: tuple[int, int]) -> Suspicion:
    return Suspicion(
        "the focal lengths are in pixels, but the principal point looks normalised by the image size "
        f"({numbers.of(size)})",
        "cx and cy as shares of the image size beside focal lengths in pixels",
        f"multiply cx by the width and cy by the height, and write cx = {numbers.cx * size[0]:g}, "
        f"cy = {numbers.cy * size[1]:g}",
    )


def _all_millimetres(numbers: Numbers, size: tuple[int, int]) -> Suspicion:
    width, height = size
    scales = width / (2 * numbers.cx), height / (2 * numbers.cy)  # the principal point is near the middle
    written = f"fx = {numbers.fx * scales[0]:.0f}, fy = {numbers.fy * scales[1]:.0f}"
    return Suspicion(
        f"Intrinsics must be in pixels but look like millimetres on the sensor ({numbers.of(size)})",
        f"all numbers in millimetres, of a sensor of about {2 * numbers.cx:.3g} x {2 * numbers.cy:.3g} mm",
        f"multiply by image width / sensor width, and write about {written}, cx = {width / 2:g}, cy = {height / 2:g}",
    )


def _focal_unit(numbers: Numbers, size: tuple[int, int]) -> Suspicion:
    """Focal lengths alone are small: the unit in which they make a possible camera is theirs."""
    fx, fy = numbers.fx, numbers.fy
    degrees = math.degrees(2 * math.atan(0.5 / fx))
    squares = max((ratio := fx * size[0] / (fy * size[1])), 1 / ratio) <= SQUARE
    normalised = squares and USUAL_ANGLES[0] <= degrees <= USUAL_ANGLES[1]
    millimetres = max(fx / fy, fy / fx) <= SQUARE and not normalised
    found = (
        "the principal point is in pixels, but the focal lengths look "
        f"{'normalised' if normalised else 'like millimetres' if millimetres else 'normalised or in millimetres'} "
        f"({numbers.of(size)})"
    )
    in_pixels = f"fx = {fx * size[0]:g}, fy = {fy * size[1]:g}"
    if normalised:
        return Suspicion(
            found,
            f"focal lengths as shares of the image size: as such they see {degrees:.0f} degrees, with square pixels",
            f"multiply fx by the width and fy by the height, and write {in_pixels}",
        )
    to_pixels = "multiply millimetres by image width / sensor width"
    if millimetres:
        return Suspicion(
            found,
            f"a focal length in millimetres, as lenses are named (as shares of the image they would be {in_pixels})",
            f"{to_pixels} (a sensor 6.2 mm wide: fx = {fx * size[0] / 6.2:.0f}), or leave the file out and give --fov",
        )
    return Suspicion(
        found,
        f"focal lengths as shares of the image size ({in_pixels}), or in millimetres",
        f"multiply shares by width and height, {to_pixels.removeprefix('multiply ')}, and calibrate if neither fits",
    )


def _in_pixels(numbers: Numbers, size: tuple[int, int]) -> str:
    width, height = size
    fx, fy, cx, cy = numbers
    return f"fx = {fx * width:g}, fy = {fy * height:g}, cx = {cx * width:g}, cy = {cy * height:g}"
