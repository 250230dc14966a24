"""UniSIN (DistDepth, arXiv:2112.02306): indoor stereo video of a university, taken with a ZED-2i, without depth.

Named as SimSIN's, with four digits: `<sequence>/NNNN_S.png`.
"""

from __future__ import annotations

import re

from selfsup_depth.datasets.numbered_pairs import NumberedPairs

FOCAL = 522.2714  # pixels of 1280x720
#: Published as shares of the size, 0.5146106 and 0.5062255. ZED's calibration counts from the centre of the
#: first pixel, as OpenCV does: hence the 0.5.
CX, CY = 0.5146106 * 1280 + 0.5, 0.5062255 * 720 + 0.5


class UniSIN(NumberedPairs):
    """Rectified pairs of one camera for all sequences."""

    name = "unisin"
    pattern = re.compile(r"(?P<prefix>.*?)(?P<frame>\d{4}|[1-9]\d{4,})_(?P<side>[01])")
    spelling = "<sequence>/NNNN_S (four digits, then 0 for left or 1 for right)"
    published = {"train": ("UniSIN_500_list.txt",)}
    native_size = (1280, 720)
    native_camera = (FOCAL, FOCAL, CX, CY)
    baseline_m = 0.12

    def path_of(self, prefix: str, frame: int, side: str) -> str:
        return f"{prefix}{frame:04d}_{side}"
