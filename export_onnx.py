"""Write a checkpoint's depth network as an ONNX file, and check that it gives the same depth.

python export_onnx.py --load_weights_folder runs/mdp/models/best --output depth.onnx
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.console import Console

    from selfsup_depth.errors import UserError
    from selfsup_depth.export import export_onnx, load_onnx, parity
    from selfsup_depth.predictor import DepthPredictor

#: Two engines that multiply in another order differ by about a millionth.
LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True)
class ExportOnnxConfig:
    """Write a checkpoint's depth network as an ONNX file."""

    load_weights_folder: Path
    """Checkpoint folder: ours, Monodepth2's or DistDepth's."""
    output: Path = Path("depth.onnx")
    """The file to write."""
    dynamic_size: bool = False
    """Take images of any size whose sides are multiples of 32; without it, of the training size (the batch is free
    either way)."""
    weights_format: str | None = None
    """Whose files that folder holds: selfsup_depth, monodepth2 or distdepth; default: seen from the files."""


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(ExportOnnxConfig, argv)
    console = Console(soft_wrap=True)
    predictor = DepthPredictor.load(config.load_weights_folder, "cpu", config.weights_format)
    with console.status("exporting"):
        export_onnx(predictor, config.output, dynamic_size=config.dynamic_size)
        network = load_onnx(config.output)
        difference = parity(predictor, network)
    size = f"{config.output.stat().st_size / 2**20:.1f} MiB"
    console.print(f"{config.output}: {size}, unit: {network.facts['unit']}", highlight=False)
    console.print(f"largest relative difference of depth from PyTorch: {difference:.1e}", highlight=False)
    if not difference <= LARGEST_DIFFERENCE:
        raise UserError(
            f"{config.output} does not give the depth of {config.load_weights_folder} (relative difference "
            f"{difference:.1e}): do not use it; another version of onnxruntime or torch may do better."
        )
    return 0


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
