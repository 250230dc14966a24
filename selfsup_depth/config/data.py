"""What is learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfsup_depth.config.wording import default_of, words
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from."""

    data_path: Path | None = None
    """Folder of the data set, or the URL of tar shards. None: built-in footage, by default the synthetic drive,
    rendered once."""
    dataset: str = "kitti"
    """How the data are laid out: folder (your own frames or left/ and right/), video (a file, or a folder of them),
    prepared (what prepare_data.py writes), shards (the same as tar shards, also at a URL), colmap (images/ and
    sparse/), tum (TUM RGB-D), kitti, kitti_odom, kitti_depth, stereo_folder, simsin, unisin, va or nyuv2. Without
    --data_path: builtin (the synthetic drive, as kitti then), builtin_indoor (synthetic rooms) or motorcycle (one real
    pair)."""
    split: str | None = None
    """Which frames: a published name (eigen_zhou, eigen_full, odom, benchmark), a folder that holds train_files.txt
    and val_files.txt, or (simsin, unisin, va, nyuv2, colmap, tum) one list file, whose end is held out. None: the lists
    in the data folder, else eigen_zhou for kitti and kitti_depth, odom for kitti_odom, the data set's own parts
    otherwise."""
    png: bool = False
    """Prefer png where both png and jpg exist (either is found without this)."""
    height: int = 192
    """Height of the network's input in pixels, a multiple of 32."""
    width: int = 640
    """Width of the network's input in pixels, a multiple of 32."""
    frame_ids: tuple[int, ...] = (0, -1, 1)
    """Frames of a sample, the target 0 first; `0` alone with --use_stereo trains from stereo only."""
    use_stereo: bool = False
    """Also learn from the stereo partner; gives depth in metres."""
    num_workers: int = 12
    """Processes that load data (never more than there are cores). Results do not depend on it."""
    kitti_intrinsics: Literal["calibrated", "published"] = "calibrated"
    """KITTI: each drive's own calibration, or the one constant matrix of the published code."""

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            size = getattr(self, name)
            if size % 32 or size < 64:
                low = max(64, size // 32 * 32)
                raise UserError(
                    f"--{name} must be a multiple of 32, at least 64; found {size}. Try {low} or {low + 32}."
                )
        if not self.frame_ids or self.frame_ids[0] != 0:
            raise UserError(
                f"--frame_ids must start with 0, the frame whose depth is learnt; found {words(self.frame_ids)}. "
                f"Try --frame_ids {words([0, *[f for f in self.frame_ids if f != 0]])}."
            )
        if len(set(self.frame_ids)) != len(self.frame_ids):
            raise UserError(
                f"--frame_ids names a frame twice: {words(self.frame_ids)}; "
                f"try --frame_ids {words(dict.fromkeys(self.frame_ids))}"
            )
        if len(self.frame_ids) == 1 and not self.use_stereo:
            raise UserError(
                "--frame_ids 0 alone leaves nothing to compare the target with: add frames "
                "(--frame_ids 0 -1 1) or the stereo partner (--use_stereo)"
            )
        if self.num_workers < 0:
            raise UserError(
                f"--num_workers must be 0 or more, found {self.num_workers}{default_of(self, 'num_workers')}"
            )
