"""How large and how fast students are: parameters, multiply-adds and frames per second of the depth network.

    python -m benchmarks.students [--size 256] [--seconds 5] [ENCODER ...]

Random weights, one image at a time, on whatever device there is: what a small device would do in real time.
"""

from __future__ import annotations

import argparse
import time

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import Method

ENCODERS = ("resnet152", "resnet50", "resnet18", "mobilenetv3_large_100", "mobilenetv3_small_050")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="*", default=list(ENCODERS))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    image = torch.rand(1, 3, options.size, options.size, device=device)
    table = Table("encoder", "parameters (M)", "multiply-adds (G)", "frames/s", "times resnet152")
    rates: dict[str, float] = {}
    for name in options.encoders:
        method = student(name).to(device)
        rates[name] = frames_per_second(method, image, options.seconds)
        parameters = sum(p.numel() for p in method.networks.parameters()) / 1e6
        ratio = f"{rates[name] / rates['resnet152']:.1f}" if "resnet152" in rates else "-"
        operations = multiply_adds(method, image) / 1e9
        table.add_row(name, f"{parameters:.1f}", f"{operations:.2f}", f"{rates[name]:.1f}", ratio)
    console = Console()
    console.print(f"{options.size}x{options.size}, one image, {device}, {torch.get_num_threads()} threads")
    console.print(table)


def student(encoder: str) -> Method:
    network = NetworkConfig(encoder=encoder, weights_init="scratch", upsample="bilinear")
    return build_method("monodepth2", MethodRequest(network, LossConfig(), (0,), True, 1.0)).eval()


def multiply_adds(method: Method, image: torch.Tensor) -> float:
    """Of one prediction; torch counts a multiply-add as two operations."""
    with FlopCounterMode(display=False) as counter:
        method.predict(image)
    return counter.get_total_flops() / 2


def frames_per_second(method: Method, image: torch.Tensor, seconds: float) -> float:
    for _ in range(3):
        method.predict(image)
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        method.predict(image)
        if image.is_cuda:
            torch.cuda.synchronize()
        done += 1
    return done / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
