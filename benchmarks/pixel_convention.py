"""What the mixed-up pixel convention costs: the built-in drive trained with it and without it.

    python -m benchmarks.pixel_convention [options of train.py]

The published code divides pixel coordinates by W - 1 (pixel centres at the ends, `align_corners=True`) and, on
torch 1.3 and later, samples with `align_corners=False`: every warp is then zoomed about the image centre and is
half a pixel off at the borders. This trains the same recipe from the same seed both ways and prints both scores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table
from torch import Tensor

import train
from selfsup_depth.photometric_pass import lookup, one_pass

SHOWN = ("abs_rel", "sq_rel", "rmse", "a1")


def mixed_up_cells(u: Tensor, v: Tensor, height: int, width: int) -> lookup.Cells:
    """`lookup.cells` at the places where the mixed-up code looks: (u - 0.5) W / (W - 1)."""
    return lookup.cells((u - 0.5) * width / (width - 1), (v - 0.5) * height / (height - 1), height, width)


def main(options: list[str]) -> None:
    scores = {}
    for name, function in (("corrected", lookup.cells), ("mixed up", mixed_up_cells)):
        run = Path("runs") / f"pixel_convention_{name.replace(' ', '_')}"
        with mock.patch.object(one_pass, "cells", function):
            train.main(["--frame_ids", "0", "-1", "1", "--use_stereo", *options, "--model_name", run.name])
        scores[name] = json.loads((run / "validation.json").read_text())["headline"]
    table = Table("convention", *SHOWN)
    for name, score in scores.items():
        table.add_row(name, *(f"{score[key]:.4f}" for key in SHOWN))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
