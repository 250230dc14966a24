"""The street walk as people bring their footage: the files that docs/your_own_data.md names, each written by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from calibration_files import opencv_matrix
from colmap_files import Project, Shot, in_unit, save_image
from lens_footage import rays_of
from PIL import Image
from street_walk import BARREL, BASELINE, LEVEL_RIGHT, OTHER_BARREL, PHONE, PLAIN, RAW_RIGHT, Eye, R, T, poses
from tum_files import trajectory_row
from video_files import turn_video, write_video

from selfsup_depth.datasets.cameras import Camera

UNIT = 3.7  # metres that COLMAP takes for 1


def write_images(folder: Path, pictures: Sequence[np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for frame, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"img_{frame:04d}.png", compress_level=1)


def opencv_K(lens: Camera) -> list[float]:
    """Row after row; pixels count from the centre of the first one."""
    return (lens.intrinsics.numpy() - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]).flatten().tolist()


def raw_rig(root: Path) -> None:
    """Both cameras as they see, and the files of OpenCV's stereo_calib, in millimetres."""
    write_images(root / "left", Eye(BARREL).images)
    write_images(root / "right", RAW_RIGHT.images)
    lenses = [opencv_matrix(f"M{n}", 3, 3, opencv_K(lens)) + opencv_matrix(f"D{n}", 1, 5, lens.distortion)
              for n, lens in ((1, BARREL), (2, OTHER_BARREL))]  # fmt: skip
    (root / "intrinsics.yml").write_text("%YAML:1.0\n---\n" + "".join(lenses))
    motion = opencv_matrix("R", 3, 3, R.flatten().tolist()) + opencv_matrix("T", 3, 1, [1000 * x for x in T])
    (root / "extrinsics.yml").write_text("%YAML:1.0\n---\n" + motion)


def frames(root: Path) -> None:
    write_images(root, Eye(BARREL).images)


def ros_camera(path: Path) -> None:
    """Of `frames`, as ROS's camera_calibration writes it."""
    path.write_text(
        f"image_width: {BARREL.size[0]}\nimage_height: {BARREL.size[1]}\ncamera_name: street\n"
        f"camera_matrix:\n  rows: 3\n  cols: 3\n  data: {opencv_K(BARREL)}\ndistortion_model: plumb_bob\n"
        f"distortion_coefficients:\n  rows: 1\n  cols: 5\n  data: {list(BARREL.distortion)}\n"
    )


def rig_calibration(path: Path) -> None:
    """Of the level pair, in our format."""
    focal, cx, cy = (float(PLAIN.intrinsics[place]) for place in ((0, 0), (0, 2), (1, 2)))
    numbers = {"fx": focal, "fy": focal, "cx": cx, "cy": cy, "baseline_m": BASELINE, "pixel_origin": "corner"}
    numbers |= {"image_width": PLAIN.size[0], "image_height": PLAIN.size[1]}
    path.write_text("".join(f"{key}: {value}\n" for key, value in numbers.items()))


def left_video(path: Path) -> None:
    write_video(path, Eye(PLAIN).images)


def right_video(path: Path) -> None:
    write_video(path, LEVEL_RIGHT.images)


def pairs_video(path: Path) -> None:
    """Both images in each frame, the left one first."""
    both = zip(Eye(PLAIN).images, LEVEL_RIGHT.images, strict=True)
    write_video(path, [np.concatenate(pair, axis=1) for pair in both])


def phone_video(path: Path) -> None:
    """Held upright: stored lying on its side, with the flag by which players turn it."""
    turn_video(write_video(path, [np.rot90(image) for image in Eye(PHONE).images]), 90)


def colmap_project(root: Path, lens: Camera = PLAIN, *, binary: bool = True) -> None:
    """What COLMAP would find: cameras, poses, and points in places that nobody chose."""
    matrix, generator = lens.intrinsics, np.random.default_rng(0)
    numbers = (*(float(matrix[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2))), *lens.distortion[:4])
    model = "OPENCV" if lens.distortion else "PINHOLE"
    project, rays = Project([], {1: (model, *lens.size, numbers)}), rays_of(lens)
    for frame, (image, depth) in enumerate(Eye(lens).seen()):
        shot = Shot(f"walk_{frame:04d}.png", in_unit(poses()[frame], UNIT))
        save_image(root, shot.name, image)
        for row, column in generator.integers(0, lens.size[::-1], (200, 2)):
            point = shot.world_T_camera @ [*(rays[row, column] * depth[row, column] / UNIT), 1.0]
            project.points[len(project.points) + 1] = point[:3]
            shot.seen.append((column + 0.5, row + 0.5, len(project.points)))
        project.shots.append(shot)
    project.write(root / "sparse" / "0", binary=binary)


def raw_colmap_project(root: Path) -> None:
    colmap_project(root, BARREL, binary=False)


def tum_sequence(root: Path) -> None:
    """Images, depth maps that come 6 ms later, and a pose of each image."""
    for kind in ("rgb", "depth"):
        (root / kind).mkdir(parents=True)
    lists, trajectory = {"rgb": "", "depth": ""}, ""
    for frame, (image, depth) in enumerate(Eye(PLAIN).seen()):
        time = 1341845688.5 + frame / 30
        stored = np.where(depth < 13, depth * 5000, 0).astype(np.uint16)
        for kind, picture, at in (("rgb", image, time), ("depth", stored, time + 0.006)):
            Image.fromarray(picture).save(root / kind / f"{at:.6f}.png")
            lists[kind] += f"{at:.6f} {kind}/{at:.6f}.png\n"
        trajectory += trajectory_row(time, poses()[frame])
    for kind, text in lists.items():
        (root / f"{kind}.txt").write_text(text)
    (root / "groundtruth.txt").write_text(trajectory)


def photos(root: Path) -> None:
    """In the folder itself and in one below."""
    write_images(root, Eye(PLAIN).images[:2])
    write_images(root / "garden", Eye(PLAIN).images[5:7])


#: What the document calls it -> how it is written.
WRITERS: dict[str, Callable[[Path], None]] = {
    "my_rig": raw_rig,
    "my_frames": frames,
    "camera.yaml": ros_camera,
    "rig.yaml": rig_calibration,
    "left.mp4": left_video,
    "right.mp4": right_video,
    "pairs.mp4": pairs_video,
    "walk.mp4": left_video,
    "phone.mp4": phone_video,
    "my_project": colmap_project,
    "my_raw_project": raw_colmap_project,
    "rgbd_dataset_freiburg3_long_office_household": tum_sequence,
    "rgbd_dataset_freiburg1_xyz": tum_sequence,
    "photos": photos,
}
