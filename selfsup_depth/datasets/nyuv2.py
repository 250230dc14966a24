"""NYU Depth V2 (Silberman et al., ECCV 2012): single indoor Kinect images with depth, in either of its layouts.

    --data_path <folder>              DistDepth's files: img_val/00001.png and depth_val/00001.npy (`nyuv2_folder`)
    --data_path <nyu_depth_v2_labeled.mat>, or a folder that has it and no img_* folder: the official file
                                      with splits.mat beside it (`nyuv2_mat`)
"""

from __future__ import annotations

import os

from selfsup_depth.datasets.nyuv2_folder import IMAGES_OF_PART, NyuFolder
from selfsup_depth.datasets.nyuv2_mat import OFFICIAL_NAME, NyuMat
from selfsup_depth.datasets.nyuv2_views import NyuSource
from selfsup_depth.datasets.request import DatasetRequest
from selfsup_depth.datasets.source import data_folder


def open_nyuv2(request: DatasetRequest) -> NyuSource:
    """The reader for what lies at the data path; raises UserError when that is nothing of NYUv2."""
    if request.data_path is not None:
        file = os.path.expanduser(os.fspath(request.data_path))
        if os.path.isfile(file):
            return NyuMat(request, file)
    root = data_folder(request, "nyuv2")
    unpacked = any(os.path.isdir(f"{root}/{folder}") for folder in IMAGES_OF_PART.values())
    if not unpacked and os.path.isfile(f"{root}/{OFFICIAL_NAME}"):
        return NyuMat(request, f"{root}/{OFFICIAL_NAME}")
    return NyuFolder(request, root)
