"""The options of `evaluate_pose.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from selfsup_depth.config import FootageConfig
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class PoseConfig:
    """Score the motion of the camera, and write the trajectory."""

    load_weights_folder: Path
    """Checkpoint with a pose network: ours or one in Monodepth2's layout."""
    data_path: Path | None = None
    """Folder of the data set. None: the built-in synthetic drive."""
    dataset: str = "kitti_odom"
    """Layout of the data: the same names as in training. Poses are in kitti_odom, tum, colmap and prepared data made
    of these; of other footage the trajectory is written without a score."""
    eval_split: str | None = None
    """Which frames: odom_9 or odom_10 (as published), a folder with test_files.txt, or one sequence's name. None: all
    that the data has."""
    alignment: Literal["auto", "none", "scale", "se3", "sim3"] = "auto"
    """How the whole trajectory is brought onto the true one before KITTI's drift is measured; auto: none for a model
    that knows metres, sim3 for one that does not. The absolute error is told under every alignment."""
    eval_out_dir: Path | None = None
    """Folder for trajectories (KITTI's and TUM's format), plot and scores. None: <name>_odometry beside the
    checkpoint."""
    weights_format: str | None = None
    """Whose files the checkpoint holds: selfsup_depth, monodepth2 or distdepth. None: seen from the files."""
    batch_size: int = 16
    """Pairs of frames per forward pass. Changes speed, not results."""
    num_workers: int = 12
    """Processes that load images (never more than there are cores)."""
    png: bool = False
    """Prefer png where both png and jpg exist (either is found without this)."""
    no_cuda: bool = False
    """Predict on the CPU even where there is a GPU."""
    footage: FootageConfig = field(default_factory=FootageConfig)

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.num_workers < 0:
            raise UserError(
                f"--batch_size must be at least 1 and --num_workers at least 0; found {self.batch_size} and "
                f"{self.num_workers}."
            )
