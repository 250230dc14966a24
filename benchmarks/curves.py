"""Does speed change what is learnt? Loss curves of the published step and of ours, from the same weights and samples.

    python -m benchmarks.curves [--steps 200] [--seeds 0 1 2] [--json FILE] [--plot FILE] [options of train.py]

Both ways see the same batches of the built-in drive in the same order. Weights, order and noise differ with the seed:
the curves of the two ways must lie within what the seeds differ by. The published way is PlainStep of
benchmarks/step_ways.py; both compare images in the same way and differ in how it is computed, in that ours passes all
pairs through the pose network in one batch, and in what --precision and --compile make of ours.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch
from matplotlib.figure import Figure
from rich.progress import track

from benchmarks.step_ways import PlainStep, method_of
from selfsup_depth import beginning, cli
from selfsup_depth.assembly import build_training_set
from selfsup_depth.config import TrainConfig
from selfsup_depth.datasets import augment, collate
from trainer.loop import choose_device
from trainer.precision import Precision
from trainer.sampler import EpochSampler

Curves = dict[str, list[list[float]]]  # way -> seed -> loss of each step
WINDOW = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--plot", type=Path, default=None)
    asked, options = parser.parse_known_args()
    config = beginning.read_config(["--frame_ids", "0", "-1", "1", "--use_stereo", *options])
    curves: Curves = {"plain": [], "ours": []}
    for seed in asked.seeds:
        for name, curve in both_ways(replace(config, run=replace(config.run, seed=seed)), asked.steps).items():
            curves[name].append(curve)
    apart, noise = differences(curves)
    print(f"mean loss of the last {WINDOW} steps: plain {last(curves['plain'])}, ours {last(curves['ours'])}")
    print(f"the two ways are {apart:.2e} apart on average over windows of {WINDOW} steps, seeds {noise:.2e}")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"options": cli.as_flat_dict(config), "curves": curves}) + "\n")
    if asked.plot is not None:
        draw(asked.plot, curves)


def both_ways(config: TrainConfig, steps: int) -> Curves:
    device = choose_device(config.run)
    samples = build_training_set(config)
    sampler = EpochSampler(len(samples), config.optimizer.batch_size, seed=config.run.seed)
    method = method_of(config, device).train()
    method.networks.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(method.networks.parameters(), config.optimizer.learning_rate, fused=True)
    precision = Precision(config.optimizer.precision, device)
    plain: PlainStep | None = None
    curves: dict[str, list[float]] = {"plain": [], "ours": []}
    keys = [key for epoch in range(-(-steps // len(sampler))) for key in _epoch(sampler, epoch)]
    for step, key in enumerate(track(keys[:steps], f"seed {config.run.seed}")):
        batch = augment(collate([samples[each] for each in key]).to(device))
        batch.wants_maps = False
        plain = plain or PlainStep(config, batch, device, None)
        plain.batch = batch
        curves["plain"].append(float(plain().detach()))
        with precision.autocast():
            losses = method.losses(batch, torch.Generator(device).manual_seed(step))
        losses.total.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        curves["ours"].append(float(losses.total.detach()))
    return curves  # type: ignore[return-value]


def _epoch(sampler: EpochSampler, epoch: int) -> list[list[tuple[int, int]]]:
    sampler.start_at(epoch)
    return list(sampler)


def smooth(curve: list[float]) -> list[float]:
    return [mean(curve[i : i + WINDOW]) for i in range(0, len(curve) - WINDOW + 1, WINDOW)]


def last(curves: list[list[float]]) -> str:
    return ", ".join(f"{mean(curve[-WINDOW:]):.4f}" for curve in curves)


def differences(curves: Curves) -> tuple[float, float]:
    """Mean distance of the two ways at the same seed, and mean standard deviation over the seeds of the plain way."""
    plain, ours = ([smooth(curve) for curve in curves[name]] for name in ("plain", "ours"))
    apart = mean(abs(a - b) for p, o in zip(plain, ours, strict=True) for a, b in zip(p, o, strict=True))
    noise = mean(stdev(window) for window in zip(*plain, strict=True)) if len(plain) > 1 else float("nan")
    return apart, noise


def draw(path: Path, curves: Curves) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("plain", "tab:orange"), ("ours", "tab:blue")):
        for seed, curve in enumerate(curves[name]):
            windows = smooth(curve)
            steps = [WINDOW * (i + 0.5) for i in range(len(windows))]
            axes.plot(steps, windows, color=colour, alpha=0.7, linewidth=1, label=name if seed == 0 else None)
    axes.set(xlabel="step", ylabel=f"training loss (means of {WINDOW} steps)")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
