"""Seconds per image of the depth network in PyTorch and in onnxruntime, alternating in one run.

    python -m benchmarks.latency [--height 192] [--width 640] [--batches 1 8] [--threads 1] [--rounds 20] [ENCODER ...]

Random weights, on the CPU. The floor is PyTorch: `times torch` below 1 is faster than it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from rich.table import Table

from selfsup_depth import __version__
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.export import export_onnx, load_onnx
from selfsup_depth.methods import build_method
from selfsup_depth.predictor import DepthPredictor, depth_only_request

ENCODERS = ("resnet50", "resnet18", "mobilenetv3_large_100")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS))
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = Table("encoder", "batch", "torch (ms/image)", "onnxruntime (ms/image)", "times torch")
    for encoder in options.encoders:
        predictor = student(encoder, options.height, options.width)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "depth.onnx"
            export_onnx(predictor, path)
            network = load_onnx(path, threads=options.threads)
            for batch in options.batches:
                images = torch.rand(batch, 3, options.height, options.width)
                engines = {
                    "torch": partial(predictor.predict, images),
                    "onnx": partial(network.depth, images.numpy()),
                }
                seconds = alternating(engines, options.rounds)
                ratio = seconds["onnx"] / seconds["torch"]
                per_image = [f"{1000 * seconds[name] / batch:.1f}" for name in ("torch", "onnx")]
                table.add_row(encoder, str(batch), *per_image, f"{ratio:.2f}")
    console = Console()
    console.print(f"{options.width}x{options.height}, CPU, {options.threads} threads, medians of {options.rounds}")
    console.print(table)


def student(encoder: str, height: int, width: int) -> DepthPredictor:
    meta = CheckpointMeta(
        library_version=__version__, method="monodepth2", encoder=encoder, upsample="nearest", scales=(0, 1, 2, 3),
        height=height, width=width, min_depth=0.1, max_depth=100.0, metres_per_unit=1.0, scale_source="none: random",
        frame_ids=(0,),
    )  # fmt: skip
    method = build_method(meta.method, depth_only_request(meta))
    return DepthPredictor(method, meta, torch.device("cpu"))


def alternating(engines: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, taken in turns so that other work on the machine meets them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for engine in engines.values():
        engine()
    for _ in range(rounds):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
