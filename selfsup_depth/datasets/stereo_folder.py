"""Any rectified stereo pairs: `left/`, `right/` and a calibration file; what `folder` reads too, of one sequence.

    data_path/calib.json          see `cameras`; may also lie one folder higher
    data_path/left/<name>.jpg     any image format; the same names in right/
    data_path/right/<name>.jpg
    data_path/depth/<name>.png    optional, of the left view: 16 bits, metres * 256, 0 = none, any size

Names and parts are as in `folder`.
"""

from __future__ import annotations

from selfsup_depth.datasets import folder_layout
from selfsup_depth.datasets.folder import Folder
from selfsup_depth.errors import UserError


class StereoFolder(Folder):
    """A folder that has to have left/."""

    name = "stereo_folder"

    def _part_folder(self) -> tuple[str, bool]:
        found = folder_layout.part_folder(self.root, self.request.part, folder_layout.is_pair_folder)
        if found is None:
            names = ("test", "val") if self.request.part == "test" else (self.request.part,)
            raise UserError(
                f"{self.root}/left is missing: expected left/ and right/ (or {' or '.join(names)}/ with both) and "
                "calib.json under --data_path; correct the path."
            )
        return found

    def _sequences(self) -> list[folder_layout.Sequence]:
        return [folder_layout.Sequence("", self.folder, True)]
