"""A training step: the published way, ours, and the networks alone, in turns in one process.

    python -m benchmarks.step [--teacher none|live|cached] [--sweep pixels batch sources scales] [--arithmetic]
        [--rounds 5] [--threads 1] [--json FILE] [--plot FILE] [--profile FILE] [options of train.py]

plain        Monodepth2's step re-expressed (benchmarks/plain.py), fp32; with a teacher, DistDepth's, whose teacher
             carries gradients that nobody uses
ours         the trainer's own step with the options given (--precision bf16, --compile), checks and averages included
networks     forward and backward of the networks alone, as ours runs them, and a live teacher: nothing can be faster
--arithmetic warps, losses and masks alone, forward and backward, without any network

--sweep repeats it for several sizes; --plot draws how time grows with them, and the ratios. --frame_ids, --use_stereo,
--height, --batch_size and all other options of train.py apply; weights are random. On a GPU wall time is told, on a
CPU that of the process.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import growth, measuring
from benchmarks.measuring import Timing
from benchmarks.step_ways import (
    PlainStep,
    Step,
    arithmetic,
    floor_step,
    our_step,
    our_teacher,
    photographed,
    plain_teacher,
    random_dpt_hybrid,
)
from selfsup_depth import cli
from selfsup_depth.config import TrainConfig
from trainer.loop import choose_device


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    measuring.add_options(parser, rounds=5)
    parser.add_argument("--teacher", choices=("none", "live", "cached"), default="none")
    parser.add_argument("--sweep", choices=growth.SWEEPS, nargs="+", default=[])
    parser.add_argument("--arithmetic", action="store_true")
    parser.add_argument("--profile", type=Path, default=None, help="write torch's profile of a plain step and ours")
    asked, options = parser.parse_known_args(argv)
    torch.set_num_threads(asked.threads)
    given = cli.parse(TrainConfig, ["--weights_init", "scratch", *options])
    if given.optimizer.accumulate_steps > 1:
        parser.error("--accumulate_steps: the plain step has one batch, so ours has too; give a larger --batch_size")
    device = choose_device(given.run)
    clock = "wall" if device.type == "cuda" else "cpu"
    measured: dict[str, dict[float, dict[str, Timing]]] = {}
    for over in asked.sweep or ["pixels"]:
        places = growth.sweep(given, over) if asked.sweep else [(given.data.height * given.data.width, given)]
        measured[over] = {}
        for place, config in places:
            torch.compiler.reset()  # of other sizes it keeps code, and refuses to keep more than a few
            ways = arithmetic_ways(config, device) if asked.arithmetic else step_ways(config, asked.teacher, device)
            measured[over][place] = measuring.measure(ways, asked.rounds)
            images = config.optimizer.batch_size
            title = f"{describe(config, asked.teacher)}, {device.type}, {asked.threads} thread(s)"
            shown = measuring.table(measured[over][place], "plain", clock=clock, items=images, of="image")
            measuring.tell(title, shown)
            if device.type == "cuda":
                tell_memory(ways)
            if asked.profile is not None:
                write_profiles(asked.profile, ways)
        if asked.sweep:
            told = (f"{name} {growth.steepest(measured[over], name, clock):.2f}" for name in ways)
            print(f"steepest growth with {over} (1: linear): {', '.join(told)}")
    if asked.json is not None:
        settings = {f"{over} {place}": timings for over, found in measured.items() for place, timings in found.items()}
        measuring.write_json(asked.json, settings, "plain", options=cli.as_flat_dict(given), teacher=asked.teacher)
    if asked.plot is not None:
        growth.draw(asked.plot, measured, "plain", clock)


def step_ways(config: TrainConfig, teacher: str, device: torch.device) -> dict[str, Step]:
    batch = photographed(config, device)
    if teacher == "none":
        return {
            "plain": PlainStep(config, batch, device, None),
            "ours": our_step(config, batch, device),
            "networks": floor_step(config, batch, device),
        }
    network = random_dpt_hybrid(device)
    asked = our_teacher(network, config.optimizer.precision)
    distilled = replace(config, distill=replace(config.distill, distill="dpt_hybrid"))
    ours = (
        our_step(distilled, batch, device, asked)
        if teacher == "live"
        else our_step(distilled, replace(batch, teacher=asked(batch.target.image)), device)
    )
    return {
        "plain": PlainStep(config, batch, device, plain_teacher(network)),
        "ours": ours,
        "networks": floor_step(config, batch, device, asked if teacher == "live" else None),
    }


def arithmetic_ways(config: TrainConfig, device: torch.device) -> dict[str, Step]:
    batch = photographed(config, device)
    compiled = replace(config, speed=replace(config.speed, compile=True))
    ways = {**arithmetic(config, batch, device)}
    return {"plain": ways["plain"], "ours": ways["ours"]} | (
        {} if config.speed.compile else {"ours compiled": arithmetic(compiled, batch, device)["ours"]}
    )


def describe(config: TrainConfig, teacher: str) -> str:
    data, frames = config.data, " ".join(map(str, config.data.frame_ids))
    encoder = config.network.encoder or f"resnet{config.network.num_layers}"
    stereo = " and stereo" if data.use_stereo else ""
    return (
        f"{encoder}, {data.width}x{data.height}, frames {frames}{stereo}, batch {config.optimizer.batch_size}, "
        f"{config.optimizer.precision}{', compiled' if config.speed.compile else ''}, teacher {teacher}"
    )


def tell_memory(ways: dict[str, Step]) -> None:
    """Peak memory of a step of each way on the GPU."""
    for name, step in ways.items():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        print(f"{name}: peak {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


def write_profiles(path: Path, ways: dict[str, Step]) -> None:
    """torch's profile of a step of each way, by what takes most time itself."""
    from torch.profiler import profile

    key = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    tables = []
    for name, step in ways.items():
        with profile() as found:
            step()
        tables.append(f"{name}\n{found.key_averages().table(sort_by=key, row_limit=15, max_name_column_width=50)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(tables))


if __name__ == "__main__":
    main()
