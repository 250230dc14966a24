"""The teachers that have a name: where their weights are published and how their output is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

IslArchitecture = Literal["dpt_hybrid", "dpt_large", "midas_v21_small", "midas_v21"]


@dataclass(frozen=True)
class Calibration:
    """depth = 1 / (scale raw + shift) in metres, raw being the network's output (Ranftl et al., ICCV 2021)."""

    scale: float
    shift: float


@dataclass(frozen=True)
class IslFile:
    """A checkpoint file of isl-org (DPT, MiDaS)."""

    url: str
    architecture: IslArchitecture
    short_side: int = 384
    calibration: Calibration | None = None  # None: the output is relative disparity

    @property
    def name(self) -> str:
        """File name, as the authors gave it."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class TeacherSpec:
    """Where a teacher's weights are: a file of isl-org, a Hugging Face repository, or either."""

    file: IslFile | None = None
    hub: str | None = None


#: The name that stands for the data set's own depth, beside the networks below.
TRUE_DEPTH = "true_depth"

_DPT = "https://github.com/isl-org/DPT/releases/download/1_0"
_MIDAS = "https://github.com/isl-org/MiDaS/releases/download/v2_1"

#: name -> where it is
TEACHERS: dict[str, TeacherSpec] = {
    "dpt_hybrid": TeacherSpec(
        IslFile(f"{_DPT}/dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid"), "Intel/dpt-hybrid-midas"
    ),
    "dpt_large": TeacherSpec(IslFile(f"{_DPT}/dpt_large-midas-2f21e586.pt", "dpt_large"), "Intel/dpt-large"),
    "dpt_hybrid_nyu": TeacherSpec(
        IslFile(f"{_DPT}/dpt_hybrid_nyu-2ce69ec7.pt", "dpt_hybrid", 480, Calibration(0.000305, 0.1378))
    ),
    "dpt_hybrid_kitti": TeacherSpec(
        IslFile(f"{_DPT}/dpt_hybrid_kitti-cb926ef4.pt", "dpt_hybrid", 352, Calibration(0.00006016, 0.00579))
    ),
    "midas_v21": TeacherSpec(IslFile(f"{_MIDAS}/midas_v21_384.pt", "midas_v21")),
    "midas_v21_small": TeacherSpec(IslFile(f"{_MIDAS}/midas_v21_small_256.pt", "midas_v21_small", 256)),
    "depth_anything_small": TeacherSpec(hub="LiheYoung/depth-anything-small-hf"),
    "depth_anything_base": TeacherSpec(hub="LiheYoung/depth-anything-base-hf"),
    "depth_anything_large": TeacherSpec(hub="LiheYoung/depth-anything-large-hf"),
    "depth_anything_v2_small": TeacherSpec(hub="depth-anything/Depth-Anything-V2-Small-hf"),
    "depth_anything_v2_base": TeacherSpec(hub="depth-anything/Depth-Anything-V2-Base-hf"),
    "depth_anything_v2_large": TeacherSpec(hub="depth-anything/Depth-Anything-V2-Large-hf"),
    "depth_anything_v2_indoor_small": TeacherSpec(hub="depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf"),
    "depth_anything_v2_outdoor_small": TeacherSpec(hub="depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf"),
    "zoedepth_nyu": TeacherSpec(hub="Intel/zoedepth-nyu"),
    "zoedepth_kitti": TeacherSpec(hub="Intel/zoedepth-kitti"),
    "zoedepth": TeacherSpec(hub="Intel/zoedepth-nyu-kitti"),
}


def named_by_file(path: PurePath) -> str | None:
    """The name in TEACHERS that a file of isl-org carries in its own; None for any other file.

    `dpt_hybrid_nyu-2ce69ec7.pt` and `dpt_hybrid_nyu.pt` are `dpt_hybrid_nyu`; `dpt_hybrid_nyu_new-....pt` is
    not, since the constants of another training would be a guess.
    """
    for name, spec in TEACHERS.items():
        if spec.file and (path.name == spec.file.name or path.stem == name or path.stem.startswith(f"{name}-")):
            return name
    return None
