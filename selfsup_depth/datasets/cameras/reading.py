"""Any calibration file -> the cameras that it describes."""

from __future__ import annotations

from pathlib import Path

from selfsup_depth.datasets.cameras import opencv_format
from selfsup_depth.datasets.cameras.model import CameraRig
from selfsup_depth.datasets.cameras.own_format import KEYS, of_scene, rig_of_own_format
from selfsup_depth.datasets.cameras.tables import SUFFIXES, Table, read_table
from selfsup_depth.errors import UserError

#: What a calibration is called where nobody names it; the first three are those of stereo folders.
NAMES = ("calib", "calibration", "camera_info")
INTRINSICS, EXTRINSICS = "intrinsics", "extrinsics"  # OpenCV's stereo sample


class RigFile:
    """A calibration file, or the folder of one: of one rig, or of one for each scene.

    Raises UserError when there is none, or when it cannot be parsed.
    """

    def __init__(self, path: Path) -> None:
        if path.is_dir():
            found = calibration_in(path)
            if found is None:
                raise UserError(
                    f"{path} has no calibration: expected {', '.join(NAMES)} ({', '.join(SUFFIXES)}), or {INTRINSICS} "
                    f"and {EXTRINSICS} of OpenCV, there; give the file itself."
                )
            path = found
        if not path.is_file():
            raise UserError(f"{path}: there is no such calibration file; correct the path.")
        self.path = path
        self._table = read_table(path)

    def of_scene(
        self, scene: str | None, *, baseline: float | None = None, size: tuple[int, int] | None = None
    ) -> CameraRig:
        """The rig of a scene's images, of any where the file has no scenes.

        Args:
            baseline: metres; replaces the length of the file's own.
            size: (width, height) of the images, for files that do not say what was calibrated (OpenCV's
                intrinsics.yml): it is taken when the principal point is near the middle.

        Raises:
            UserError: naming file and entry at fault.
        """
        table = self._table
        if any(key in table for key in KEYS):
            return rig_of_own_format(of_scene(table, scene), baseline=baseline)
        if opencv_format.is_pair(table):
            motion = table if opencv_format.is_motion_alone(table) else self._other(EXTRINSICS, INTRINSICS)
            return opencv_format.pair(table, motion, size, baseline=baseline)
        if opencv_format.is_one_camera(table):
            return opencv_format.one_camera(table, size, baseline=baseline)
        if opencv_format.is_motion_alone(table):
            return opencv_format.pair(self._other(INTRINSICS, EXTRINSICS), table, size, baseline=baseline)
        found = ", ".join(map(str, list(table.entries)[:6])) or "nothing"
        raise UserError(
            f"{self.path} is no calibration that is known, found {found}",
            cause="a file of another program, or another file than was meant",
            remedy="expected are fx, fy, cx, cy (docs/your_own_data.md), camera_matrix (OpenCV, ROS) or M1, M2, R, T "
            "(OpenCV stereo)",
        )

    def _other(self, name: str, own: str) -> Table:
        """The file of OpenCV's pair of files that lies beside this one."""
        stem = self.path.stem.replace(own, name) if own in self.path.stem else name
        path = next((p for suffix in SUFFIXES if (p := self.path.with_name(stem + suffix)).is_file()), None)
        if path is None:
            missing = "M1, D1, M2, D2" if name == INTRINSICS else "R and T"
            raise UserError(
                f"{self.path} lacks {missing} of a pair, and {stem}{self.path.suffix} beside it, which would have "
                "them, is missing: add it."
            )
        return read_table(path)


def read_rig(path: Path, *, baseline: float | None = None, size: tuple[int, int] | None = None) -> CameraRig:
    """The cameras of a calibration file, or of the one in a folder: ours, OpenCV's or ROS's; see `RigFile.of_scene`.

    Raises UserError, also for a file that has a camera for each scene.
    """
    return RigFile(path).of_scene(None, baseline=baseline, size=size)


def calibration_in(folder: Path) -> Path | None:
    """The calibration file in a folder.

    Raises UserError when several could be meant.
    """
    names = [name + suffix for name in NAMES for suffix in SUFFIXES]
    found = [folder / name for name in names if (folder / name).is_file()]
    pairs = [folder / (INTRINSICS + suffix) for suffix in SUFFIXES if (folder / (INTRINSICS + suffix)).is_file()]
    found += pairs
    if len(found) > 1:
        raise UserError(
            f"{folder} has several calibrations ({', '.join(path.name for path in found)}): name the one to use with "
            "--calibration, or remove the others."
        )
    return found[0] if found else None
