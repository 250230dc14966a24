"""Score the motion of the camera, and write its trajectory.

python evaluate_pose.py --load_weights_folder runs/mdp/models/best                    # the built-in drive
python evaluate_pose.py --load_weights_folder FOLDER --data_path KITTI_ODOM --eval_split odom_9
python evaluate_pose.py --load_weights_folder FOLDER --dataset video --data_path walk.mp4
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from dataclasses import replace

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.config import DataConfig
    from selfsup_depth.odometry.config import PoseConfig
    from selfsup_depth.odometry.data import footage_options
    from selfsup_depth.odometry.run import run_odometry
    from selfsup_depth.preparation.tasks import prepared_video


def main(argv: Sequence[str] | None = None) -> int:
    run_odometry(cli.parse(PoseConfig, argv), Console(), with_frames)
    return 0


def with_frames(config: PoseConfig, size: tuple[int, int]) -> PoseConfig:
    """The same where --data_path can be read as it is; of a video its frames at a size (height, width), made if needed.

    The frames lie where a training on the video with the same options has put them.
    """
    if config.dataset != "video" or config.data_path is None:
        return config
    data = DataConfig(config.data_path, config.dataset, height=size[0], width=size[1])
    workers = min(config.num_workers, os.cpu_count() or 1)
    folder = prepared_video(data, footage_options(config), workers, Console(soft_wrap=True))
    return replace(config, data_path=folder)


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
