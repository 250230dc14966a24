"""The built-in drive as somebody's own footage: a bare `left/ right/ calib.yaml` folder, and videos without any file.

    python -m selfsup_depth.datasets.builtin.plain_footage FOLDER

writes FOLDER/rig (left/, right/, calib.yaml), FOLDER/drive.mp4 (the left camera) and FOLDER/drive_right.mp4, to try the
commands of docs/your_own_data.md on before one's own camera is at hand.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from selfsup_depth.datasets.builtin.drive import ensure_builtin_drive
from selfsup_depth.datasets.builtin.kitti_text import DRIVE
from selfsup_depth.datasets.kitti_devkit import read_raw_calibration
from selfsup_depth.errors import UserError

CAMERAS = {"left": 2, "right": 3}
FRAMES_PER_SECOND = 10.0


def write_rig(drive_root: Path, folder: Path) -> None:
    """Copy a rendered drive's pictures to `folder`/left and /right, numbered, and write calib.yaml."""
    for side, camera in CAMERAS.items():
        (folder / side).mkdir(parents=True, exist_ok=True)
        for path in pictures(drive_root, camera):
            shutil.copyfile(path, folder / side / f"frame_{int(path.stem):04d}.png")
    calibration = read_raw_calibration(drive_root / DRIVE.partition("/")[0])
    left, right = calibration.cameras[2], calibration.cameras[3]
    with Image.open(pictures(drive_root, 2)[0]) as picture:
        width, height = picture.size
    numbers = {
        "image_width": width,
        "image_height": height,
        "fx": float(left.intrinsics[0, 0]),
        "fy": float(left.intrinsics[1, 1]),
        "cx": float(left.intrinsics[0, 2]),
        "cy": float(left.intrinsics[1, 2]),
        "baseline_m": float(left.camera_t_reference[0] - right.camera_t_reference[0]),
        "pixel_origin": "corner",
    }
    (folder / "calib.yaml").write_text(yaml.safe_dump(numbers, sort_keys=False))


def write_video(drive_root: Path, path: Path, side: str = "left") -> None:
    """One camera's pictures as an mp4; raises UserError when the video package is missing."""
    try:
        import cv2
    except ImportError as error:
        raise UserError("writing videos needs OpenCV: pip install 'selfsup-depth[video]'.") from error
    frames = [np.asarray(Image.open(frame).convert("RGB")) for frame in pictures(drive_root, CAMERAS[side])]
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FRAMES_PER_SECOND, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))  # OpenCV wants blue first
    writer.release()


def pictures(drive_root: Path, camera: int) -> list[Path]:
    """The pictures of one camera, in the order of time."""
    return sorted((drive_root / DRIVE / f"image_0{camera}" / "data").glob("*.png"))


def field_of_view(drive_root: Path) -> float:
    """Horizontal, degrees: what a user would read in the camera's data sheet."""
    camera = read_raw_calibration(drive_root / DRIVE.partition("/")[0]).cameras[2]
    width = camera.size[0] if camera.size else 0
    return math.degrees(2 * math.atan(width / 2 / float(camera.intrinsics[0, 0])))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    try:
        root = ensure_builtin_drive()
        write_rig(root, folder / "rig")
        write_video(root, folder / "drive.mp4")
        write_video(root, folder / "drive_right.mp4", "right")
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{folder}/rig: {len(pictures(root, 2))} stereo pairs and calib.yaml")
    print(f"{folder}/drive.mp4, drive_right.mp4: {FRAMES_PER_SECOND:g} frames/s, --fov {field_of_view(root):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
