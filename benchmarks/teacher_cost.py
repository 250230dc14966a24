"""What a teacher costs per training step: none, from a warm cache, and a DPT-hybrid with random weights at every step.

    python -m benchmarks.teacher_cost [--steps 6] [--live_steps 2] [options of train.py]

One process, the variants in turn, each step timed from reading the samples to the changed weights; ratios of medians.
The teacher has the real architecture, so its cost is the real one; its maps mean nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from selfsup_depth import beginning
from selfsup_depth.assembly import build, build_teaching, build_training_set
from selfsup_depth.datasets import augment, collate
from selfsup_depth.teaching import Teaching
from trainer.loop import choose_device

DATA = ["--dataset", "builtin_indoor", "--frame_ids", "0", "--use_stereo", "--height", "256", "--width", "256",
        "--batch_size", "4", "--num_workers", "0"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--live_steps", type=int, default=2)
    counts, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        cached = ["--distill", "true_depth", "--teacher_cache", f"{folder}/cache"]
        hybrid = ["--distill", str(random_dpt_hybrid(Path(folder) / "dpt_hybrid_random"))]
        variants = {"no teacher": [], "warm cache": cached, "DPT-hybrid at every step": hybrid,
                    "the same, shown the input's own size": [*hybrid, "--teacher_size", "native"]}  # fmt: skip
        steps = {name: step_of([*DATA, *options, *extra]) for name, extra in variants.items()}
        for step in steps.values():
            step(0)  # allocations, and whatever is made on first use
        times: dict[str, list[float]] = {name: [] for name in variants}
        for turn in range(max(counts.steps, counts.live_steps)):
            for name, step in steps.items():
                if turn < (counts.live_steps if "DPT" in name or "same" in name else counts.steps):
                    start = time.perf_counter()
                    step(turn + 1)
                    times[name].append(time.perf_counter() - start)
    base = statistics.median(times["no teacher"])
    table = Table("teacher", "seconds per step", "times no teacher")
    for name, taken in times.items():
        median = statistics.median(taken)
        table.add_row(name, f"{median:.2f}", f"{median / base:.2f}")
    Console().print(table)


def step_of(options: list[str]) -> Callable[[int], None]:
    """A function that does a whole training step on the samples of that turn."""
    config = beginning.read_config(options)
    device = choose_device(config.run)
    training = build_training_set(config)
    teaching: Teaching | None = build_teaching(config, training, device, 0, lambda _: None)
    method, _ = build(config, training, teaching, resuming=False)
    method.to(device).train()
    optimizer = torch.optim.Adam(method.networks.parameters(), lr=1e-4, fused=True)
    samples = teaching.samples(training) if teaching else training
    size = config.optimizer.batch_size

    def step(turn: int) -> None:
        indices = [(turn * size + offset) % len(training) for offset in range(size)]
        batch = augment(collate([samples[(turn, index)] for index in indices]).to(device))
        if teaching:
            batch = teaching.complete(batch)
        method.losses(batch).total.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def random_dpt_hybrid(folder: Path) -> Path:
    """A folder in Hugging Face format with the architecture of DPT-hybrid and random weights."""
    from transformers import DPTConfig, DPTForDepthEstimation

    config = DPTConfig(is_hybrid=True, neck_hidden_sizes=[256, 512, 768, 768], backbone_out_indices=[2, 5, 8, 11])
    DPTForDepthEstimation(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
