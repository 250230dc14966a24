"""Score the motion of the camera, and write its trajectory.

python evaluate_pose.py --load_weights_folder runs/mdp/models/best                    # the built-in drive
python evaluate_pose.py --load_weights_folder FOLDER --data_path KITTI_ODOM --eval_split odom_9
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.odometry.config import PoseConfig
    from selfsup_depth.odometry.run import run_odometry


def main(argv: Sequence[str] | None = None) -> int:
    run_odometry(cli.parse(PoseConfig, argv), Console())
    return 0


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
