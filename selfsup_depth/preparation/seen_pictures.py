"""Single pictures as the cameras of a prepared set would have taken them."""

from __future__ import annotations

from torch import Tensor

from selfsup_depth.datasets.cameras import CameraRig
from selfsup_depth.datasets.prepared_files import Camera
from selfsup_depth.preparation.pinholes import PinholeRig, pinhole_rig
from selfsup_depth.preparation.undistorted_source import rig_facts


class PinholeViews:
    """Pictures without the distortion of their lens, and, of a pair trained with stereo, with level rows.

    Whatever a network saw in training it sees again: the cameras are those that `prepare_data.py` makes.

    Args:
        stereo: whether it was trained with stereo.
    """

    def __init__(self, *, stereo: bool) -> None:
        self._stereo = stereo
        self._known: dict[str, PinholeRig] = {}

    def __call__(self, rig: CameraRig, camera: Camera, image: Tensor) -> tuple[Tensor, Tensor]:
        """A picture [3, h, w] uint8 of one camera of a rig of its size, and the intrinsics [3, 3] of the new one.

        Raises UserError as `pinhole_rig` does.
        """
        facts = rig_facts(rig)
        if facts not in self._known:
            is_pair = rig.right is not None and rig.right_T_left is not None
            self._known[facts] = pinhole_rig(rig, stereo=self._stereo and is_pair)
        pinholes = self._known[facts]
        return pinholes.seen(camera, image), pinholes.intrinsics[camera]
