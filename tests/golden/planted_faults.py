"""Ways in which a recording goes wrong, one at a time: what is spoilt, and which check must say so in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from recording import FRAMES, Recording, drive, record
from street_scene import K, render, to_the_right, trajectory

Image_ = np.ndarray  # [H, W, 3] uint8


@dataclass(frozen=True)
class Fault:
    check: str  # the check that must find it
    words: str  # part of what it must say (found, cause or remedy)
    make: Callable[[], Recording]
    echoes: tuple[str, ...] = ()  # what else is truly wrong then


def spoilt(**changes: object) -> Recording:
    return replace(drive().copy(), **changes)  # type: ignore[arg-type]


# ------------------------------------------------------------------ images


def left(change: Callable[[Image_], Image_], frames: tuple[int, ...] = tuple(range(FRAMES))) -> Recording:
    """The drive with some of its left images changed."""
    images = [change(image) if n in frames else image for n, image in enumerate(drive().left)]
    return spoilt(left=[np.ascontiguousarray(image) for image in images])


def right(change: Callable[[Image_], Image_]) -> Recording:
    """The drive with all of its right images changed."""
    return spoilt(right=[np.ascontiguousarray(change(image)) for image in drive().right])


def brighter(image: Image_, factor: float | np.ndarray) -> Image_:
    return np.clip(image * factor, 0, 255).astype(np.uint8)


def blurred(image: Image_, size: int = 5) -> Image_:
    kernel = np.ones(size) / size
    smooth = image.astype(np.float64)
    for axis in (0, 1):
        smooth = np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="same"), axis, smooth)
    return smooth.astype(np.uint8)


def turned(image: Image_, degrees: float) -> Image_:
    return np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BICUBIC))


def flickering() -> Recording:
    return spoilt(left=[brighter(image, (0.62, 0.9, 1.0)[n % 3]) for n, image in enumerate(drive().left)])


IMAGES = {
    "black frames": Fault("exposure", "nearly black", lambda: left(lambda i: i * 0, (2, 5))),
    "white frames": Fault("exposure", "nearly white", lambda: left(lambda i: i * 0 + 255, (3, 6))),
    "overexposed": Fault("exposure", "burnt out", lambda: left(lambda i: brighter(i, 3.2)), ("stereo_orientation",)),
    "squeezed when prepared": Fault("squeezed", "8.2 times too wide", lambda: spoilt(recorded_size=(360, 1010))),
    "right of half the size": Fault(
        "image_size", "several cameras", lambda: right(lambda i: i[::2, ::2]), ("image_of_calibration",)
    ),
    "two sizes": Fault(
        "image_size", "152x52", lambda: left(lambda i: i[::2, ::2], (1, 4, 5)), ("image_of_calibration",)
    ),
}


def joined(first: list[Image_], second: list[Image_], axis: int) -> Recording:
    """Two pictures in each image, of both cameras: what a split into left and right would have looked like."""
    images = [np.concatenate(pair, axis=axis) for pair in zip(first, second, strict=True)]
    return spoilt(left=images, right=images, has_depth=False)


IMAGES |= {
    "both cameras side by side": Fault(
        "two_in_one", "--stereo_layout side_by_side", lambda: joined(drive().left, drive().right, 1)
    ),
    "both cameras above each other": Fault(
        "two_in_one", "--stereo_layout top_bottom", lambda: joined(drive().left, drive().right, 0)
    ),
    "both cameras side by side, right one first": Fault(
        "two_in_one", "stereo3d=sbsr:sbsl", lambda: joined(drive().right, drive().left, 1)
    ),
    "the picture twice": Fault("two_in_one", "cut the right half off", lambda: joined(drive().left, drive().left, 1)),
}


# ------------------------------------------------------------------ intrinsics


def with_K(matrix: np.ndarray) -> Recording:
    return spoilt(left_K=matrix, right_K=matrix)


def scaled(x: float, y: float) -> np.ndarray:
    return np.diag([x, y, 1.0]) @ K


def focal(fx: float, fy: float, cx: float = K[0, 2], cy: float = K[1, 2]) -> np.ndarray:
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


INTRINSICS = {
    "guessed when prepared": Fault("known_camera", "--learn_intrinsics", lambda: spoilt(camera_is_guess=True)),
    "normalised": Fault("intrinsics", "write fx = 190, fy = 190, cx = 150", lambda: with_K(scaled(1 / 304, 1 / 104))),
    "focal lengths normalised": Fault(
        "intrinsics", "write fx = 190, fy = 190", lambda: with_K(focal(190 / 304, 190 / 104))
    ),
    "principal point normalised": Fault(
        "intrinsics", "write cx = 150, cy = 50", lambda: with_K(focal(190, 190, 150 / 304, 50 / 104))
    ),
    "focal length of a lens, in millimetres": Fault(
        "intrinsics", "a focal length in millimetres", lambda: with_K(focal(4.25, 4.25))
    ),
    "all of them in millimetres": Fault(
        "intrinsics", "a sensor of about 6.2 x 2.07 mm", lambda: with_K(scaled(3.1 / 150, 3.1 / 150))
    ),
    "a minus before the focal length": Fault("intrinsics", "write fx = 190", lambda: with_K(focal(-190, 190))),
    "of 2.2 times the size": Fault("intrinsics", "images of about 660x220", lambda: with_K(scaled(2.2, 2.2))),
    "of 1.5 times the size": Fault("image_of_calibration", "1.48 times", lambda: with_K(scaled(1.5, 1.5))),
    "of half the size": Fault("image_of_calibration", "0.49 times", lambda: with_K(scaled(0.5, 0.5))),
    "of the image before a crop": Fault("image_of_calibration", "cropped", lambda: with_K(focal(190, 190, 210))),
    "in millimetres": Fault("field_of_view", "millimetres", lambda: with_K(focal(25, 25))),
    "of a far larger image": Fault("field_of_view", "larger image", lambda: with_K(focal(1400, 1400))),
    "fx mistyped": Fault("focal_ratio", "typing error", lambda: with_K(focal(290, 190))),
    "focal length 1.6 times too long": Fault(
        "focal_length", "0.61 times", lambda: with_K(focal(304, 304)), ("baseline",)
    ),
}


# ------------------------------------------------------------------ stereo


def with_baseline(x: float) -> Recording:
    transform = np.eye(4)
    transform[0, 3] = x
    return spoilt(right_T_left=transform)


def late_right() -> Recording:
    """The right camera was started a frame late."""
    r = drive().copy()
    return replace(
        r, left=r.left[:-1], depth=r.depth[:-1], poses=r.poses[:-1], right=r.right[1:], has_poses=False
    )


def three_frames_late_right() -> Recording:
    r = drive().copy()
    return replace(
        r, left=r.left[:-3], depth=r.depth[:-3], poses=r.poses[:-3], right=r.right[3:], has_poses=False
    )


def lower(image: Image_, pixels: float) -> Image_:
    """Moved down by part of a pixel."""
    below = np.roll(image, 1, 0).astype(np.float64)
    return np.rint((1 - pixels) * image + pixels * below).astype(np.uint8)


def without_depth(recording: Recording) -> Recording:
    return replace(recording, has_depth=False)


def toed_in() -> Recording:
    """The right camera looks 1.5 degrees to the left."""
    angle = np.radians(1.5)
    turn = np.eye(4)
    turn[0, 0] = turn[2, 2] = np.cos(angle)
    turn[0, 2], turn[2, 0] = -np.sin(angle), np.sin(angle)
    return spoilt(right=[render(to_the_right(pose) @ turn)[0] for pose in drive().poses])


def elsewhere() -> Recording:
    """The right camera's images are of a walk towards one of the walls."""
    turn = np.eye(4)[:, [2, 1, 0, 3]] * [-1, 1, 1, 1]
    return spoilt(right=[render(pose @ turn)[0] for pose in drive().poses])


STEREO = {
    "left and right swapped": Fault(
        "stereo_sides", "exchange the folders", lambda: spoilt(left=drive().right, right=drive().left)
    ),
    "left and right swapped in the second half": Fault(
        "stereo_sides",
        "of 5 pairs",
        lambda: spoilt(left=drive().left[:4] + drive().right[4:], right=drive().right[:4] + drive().left[4:]),
    ),
    "sign of the baseline": Fault("stereo_sides", "the baseline has the wrong sign", lambda: with_baseline(0.4)),
    "cameras look inwards": Fault("stereo_sides", "look towards each other", toed_in),
    "right mirrored": Fault("stereo_orientation", "mirrored left to right", lambda: right(lambda i: i[:, ::-1])),
    "right upside down": Fault("stereo_orientation", "upside down", lambda: right(lambda i: i[::-1, ::-1])),
    "right of another place": Fault("stereo_orientation", "same moment or place", elsewhere),
    "left copied over right": Fault("stereo_identical", "copied over", lambda: spoilt(right=drive().left)),
    "right a pixel lower": Fault("rectification", "offset", lambda: right(lambda i: np.roll(i, 1, 0))),
    "right a third of a pixel lower": Fault("rectification", "offset", lambda: right(lambda i: lower(i, 0.33))),
    "right turned by a degree": Fault("rectification", "degrees", lambda: right(lambda i: turned(i, 1.0))),
    "right a frame late": Fault("stereo_timing", "started later", late_right),
    "right three frames late": Fault("stereo_timing", "partner 3 frames earlier", three_frames_late_right),
    "right a third brighter": Fault("stereo_exposure", "gain", lambda: right(lambda i: brighter(i, 1.33))),
    "right without blue": Fault(
        "stereo_exposure", "white balance", lambda: right(lambda i: brighter(i, np.array([1, 1, 0.7])))
    ),
    "right out of focus": Fault("stereo_sharpness", "focus", lambda: right(lambda i: blurred(i, 3))),
    "baseline in centimetres": Fault("baseline", "or in centimetres (0.4 m", lambda: with_baseline(-40.0)),
    "baseline in millimetres": Fault("baseline", "baseline in millimetres (0.4 m", lambda: with_baseline(-400.0)),
    "baseline in millimetres, told by the depth maps": Fault(
        "baseline", "0.4 m would agree with the depth maps", lambda: with_baseline(-400.0)
    ),
    "baseline in kilometres": Fault("baseline", "kilometres", lambda: with_baseline(-0.0004)),
    "baseline of published code": Fault("baseline", "5.4", lambda: with_baseline(-5.4)),
    "baseline twice too long": Fault("baseline", "another rig", lambda: with_baseline(-0.8)),
    "baseline twice too long, without depth maps": Fault(
        "pose_scale", "m instead of 0.8 m, or fx that is 95 instead of 190", lambda: without_depth(with_baseline(-0.8))
    ),
}


# ------------------------------------------------------------------ video


def mono(recording: Recording) -> Recording:
    return replace(recording, has_poses=False, has_depth=False)


def in_order(order: list[int]) -> Recording:
    r = drive().copy()
    return mono(replace(r, left=[r.left[n] for n in order], right=[r.right[n] for n in order]))


def stands() -> Recording:
    """A fixed camera: nothing but noise changes."""
    generator = np.random.default_rng(0)
    pictures = [drive().left[0].astype(np.float64) + generator.normal(0, 4, drive().left[0].shape) for _ in range(6)]
    images = [np.clip(picture, 0, 255).astype(np.uint8) for picture in pictures]
    return mono(spoilt(left=images, right=[drive().right[0]] * len(images)))


def cut_in_the_middle() -> Recording:
    r = drive().copy()
    return mono(replace(r, left=r.left[:5] + [np.ascontiguousarray(image[::-1, ::-1]) for image in r.left[5:]]))


VIDEO = {
    "camera stands": Fault("static_frames", "fixed camera", stands),
    "every frame twice": Fault("duplicated_frames", "repeats frames", lambda: in_order([n // 2 for n in range(12)])),
    "camera only turns": Fault("rotation_only", "tripod", lambda: mono(record(trajectory(6, 0.0, 0.0, 3.0)))),
    "frame rate too high": Fault("frame_rate", "--frame_step", lambda: mono(record(trajectory(6, 0.045, 0.005, 0.08)))),
    "frame rate too low": Fault("frame_rate", "move too far", lambda: mono(record(trajectory(6, 4.0, 1.5, 5.0)))),
    "frames shuffled": Fault("frame_order", "in the order", lambda: in_order([0, 5, 2, 7, 4, 1, 6, 3, 8])),
    "a cut": Fault("cuts", "cuts", cut_in_the_middle, ("stereo_orientation",)),
    "flickering": Fault("exposure_jumps", "flicker", flickering, ("stereo_exposure",)),
    "shaken frames": Fault("blur", "shaken", lambda: left(blurred, (1, 4, 7))),
}


# ------------------------------------------------------------------ depth


def with_depth(change: Callable[[np.ndarray], np.ndarray]) -> Recording:
    """The change gets depth in metres, [H, W]."""
    return spoilt(depth=[np.ascontiguousarray(change(depth)).astype(np.float32) for depth in drive().depth])


def coded(turn: Callable[[np.ndarray], np.ndarray], farthest: float) -> Recording:
    """Depth written as 16-bit millimetres and read with its bits turned."""
    return with_depth(lambda depth: turn(np.rint(1000 * np.minimum(depth, farthest)).astype(np.int64)) / 1000)


def turned_left(v: np.ndarray) -> np.ndarray:
    return ((v << 3) | (v >> 13)) & 0xFFFF


def turned_right(v: np.ndarray) -> np.ndarray:
    return ((v >> 3) | (v << 13)) & 0xFFFF


def one_in(number: int, depth: np.ndarray) -> np.ndarray:
    return np.where(np.arange(depth.size).reshape(depth.shape) % number == 0, depth, 0)


def towards_a_wall() -> list[np.ndarray]:
    """What the camera would see if it looked to the side of the street."""
    turn = np.eye(4)[:, [2, 1, 0, 3]] * [-1, 1, 1, 1]
    return [render(pose @ turn)[1] for pose in drive().poses]


DEPTH = {
    "depth in millimetres": Fault("depth_unit", "millimetres read as", lambda: with_depth(lambda d: 1000 * d)),
    "depth in centimetres": Fault("depth_unit", "centimetres read as", lambda: with_depth(lambda d: 100 * d)),
    "SUN3D's bits not turned": Fault("depth_encoding", "8 times too large", lambda: coded(turned_left, 8.0)),
    "bits turned without need": Fault("depth_encoding", "plain 16-bit", lambda: coded(turned_right, 60.0)),
    "depth upside down": Fault("depth_registration", "upside down", lambda: with_depth(lambda d: d[::-1])),
    "depth of scattered points, mirrored": Fault(
        "depth_registration", "mirrored", lambda: with_depth(lambda d: one_in(7, d)[:, ::-1])
    ),
    "depth of scattered points, not projected": Fault(
        "depth_registration", "moved by (-8", lambda: with_depth(lambda d: np.roll(one_in(7, d), 8, 1))
    ),
    "depth of other frames": Fault(
        "depth_registration", "maps of other images", lambda: spoilt(depth=towards_a_wall())
    ),
    "inverse depth": Fault("depth_encoding", "disparity or inverse depth", lambda: with_depth(lambda d: 20 / d)),
    "depth scaled to 8 bits": Fault(
        "depth_encoding", "scaled to 8 bits", lambda: with_depth(lambda d: np.ceil(np.minimum(d, 60) * 4) / 4)
    ),
    "depth shifted": Fault("depth_registration", "projected", lambda: with_depth(lambda d: np.roll(d, 8, 1))),
    "depth mirrored": Fault("depth_registration", "mirrored", lambda: with_depth(lambda d: d[:, ::-1])),
    "depth of another shape": Fault("depth_registration", "another camera", lambda: with_depth(lambda d: d[:, :200])),
    "depth constant": Fault("depth_coverage", "mask", lambda: with_depth(lambda d: 0 * d + 2.0)),
    "depth nearly empty": Fault("depth_coverage", "invalid value", lambda: with_depth(lambda d: one_in(400, d))),
    "unknown depth is 65535": Fault(
        "depth_limit", "65535", lambda: with_depth(lambda d: np.where(d > 20, 65.535, d))
    ),
}


# ------------------------------------------------------------------ poses


def with_poses(change: Callable[[np.ndarray], np.ndarray]) -> Recording:
    return spoilt(poses=[change(pose) for pose in drive().poses])


def farther(pose: np.ndarray, factor: float) -> np.ndarray:
    moved = pose.copy()
    moved[:3, 3] *= factor
    return moved


OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])  # y up, z backwards
BODY_T_CAMERA = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])  # x forward, y left, z up

POSES = {
    "poses inverted": Fault("pose_convention", "world to camera (the inverse)", lambda: with_poses(np.linalg.inv)),
    "poses of OpenGL": Fault("pose_convention", "to world with OpenGL", lambda: with_poses(lambda p: p @ OPENGL)),
    "poses of OpenGL, inverted": Fault(
        "pose_convention", "to camera with OpenGL", lambda: with_poses(lambda p: np.linalg.inv(p @ OPENGL))
    ),
    "poses of a robot": Fault(
        "pose_convention", "robot", lambda: with_poses(lambda p: p @ np.linalg.inv(BODY_T_CAMERA))
    ),
    "poses of other frames": Fault(
        "pose_convention", "time stamps", lambda: spoilt(poses=drive().poses[3:] + drive().poses[:3])
    ),
    "positions in centimetres": Fault("pose_scale", "centimetres", lambda: with_poses(lambda p: farther(p, 100))),
    "positions up to a factor": Fault("pose_scale", "factor only", lambda: with_poses(lambda p: farther(p, 0.37))),
}

FAULTS: dict[str, Fault] = IMAGES | INTRINSICS | STEREO | VIDEO | DEPTH | POSES
