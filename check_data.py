"""Look at data before training on it: what is wrong, how it shows, the likely cause, what to do.

python check_data.py --dataset folder --data_path my_rig --use_stereo
python check_data.py --data_path /data/kitti_raw --frame_ids 0 -1 1 --use_stereo
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console
    from rich.markup import escape

    from selfsup_depth.assembly import data_request, refuse_ignored_options
    from selfsup_depth.beginning import with_data
    from selfsup_depth.config import DataConfig, NetworkConfig, TrainConfig
    from selfsup_depth.config.check import CheckConfig
    from selfsup_depth.datasets import build_source
    from selfsup_depth.datasets.index import build_index, usable_items
    from selfsup_depth.preflight import Effort, Finding, Footage, Part, gather, run_checks
    from selfsup_depth.preflight.finding import as_text
    from selfsup_depth.preflight.page import make_page, write_page
    from selfsup_depth.preparation.undistorted_source import through_pinholes

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
VALIDATION_SHARE = 3  # of validation a third as many targets


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(CheckConfig, argv)
    console = Console(soft_wrap=True, highlight=False)
    network = NetworkConfig(learn_intrinsics=config.learn_intrinsics)
    asked = TrainConfig(data=config.data, footage=config.footage, network=network)
    refuse_ignored_options(asked)
    asked = with_data(asked)
    footage = look(asked, config)
    results = run_checks(footage)
    name = name_of(config.data) or asked.data.dataset
    page = make_page(f"Data check: {name}", subtitle(asked), footage, results)
    for finding in page.findings:
        tell(console, finding)
    errors = sum(finding.severity == "error" for finding in page.findings)
    console.print("; ".join(f"{what}: {value}" for what, value in page.facts))
    folder = (config.output_directory or Path("checks") / name).expanduser()
    console.print(f"report: {escape(as_text(str(write_page(page, folder))))}")
    return 1 if errors else 0


def look(asked: TrainConfig, config: CheckConfig) -> Footage:
    """A sample of training and of validation, as training would read it, or preparation where lenses are distorted."""
    validation = max(1, config.samples // VALIDATION_SHARE)
    parts = [part_of(asked, "train", config.samples), part_of(asked, "val", validation)]
    return gather(
        asked.data.dataset, parts, Effort(), depth_range=(config.min_depth, config.max_depth), seed=config.seed
    )


def part_of(asked: TrainConfig, part: Literal["train", "val"], most_moments: int) -> Part:
    """Raises UserError when no item of a part can be used.

    Validation needs the targets alone; their neighbours are looked at too, where there are any.
    """
    name, request = asked.data.dataset, replace(data_request(asked), part=part, is_train=False)
    source = through_pinholes(build_source(name, request))
    if part == "val":
        items, report = build_index(source, request.frame_ids, with_depth=False)
        if not items:
            request = replace(request, frame_ids=(0,))
    items, report = usable_items(name, source, request)
    return Part(source, items, report, request.frame_ids, most_moments)


def tell(console: Console, finding: Finding) -> None:
    colour = COLOURS[finding.severity]
    console.print(f"[{colour}]{finding.severity}[/{colour}] {escape(finding.line)}")
    console.print(f"  likely cause: {escape(finding.cause)}")
    console.print(f"  what to do: {escape(finding.remedy)}")


def name_of(data: DataConfig) -> str:
    """The data folder's (or the video's) name; empty without one."""
    if data.data_path is None:
        return ""
    path = data.data_path.expanduser().resolve()
    return path.stem if path.is_file() else path.name


def subtitle(asked: TrainConfig) -> str:
    data = asked.data
    frames = " ".join(str(frame) for frame in data.frame_ids)
    stereo = " --use_stereo" if data.use_stereo else ""
    where = "" if data.data_path is None else f" --data_path {data.data_path}"
    return f"--dataset {data.dataset}{where} --frame_ids {frames}{stereo}"


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
