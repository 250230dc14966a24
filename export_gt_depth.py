"""Write the ground-truth depths of a KITTI test list into one file, for evaluation without the raw data.

python export_gt_depth.py --data_path /data/kitti_raw --split eigen
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.evaluation.config import ExportConfig
    from selfsup_depth.evaluation.run_export import run_export


def main(argv: Sequence[str] | None = None) -> int:
    run_export(cli.parse(ExportConfig, argv), Console())
    return 0


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
