"""Throughput of several processes against one with the same batch, in turns in one run.

    python -m benchmarks.scale [--processes 2] [--rounds 10] [--threads 1] [--json FILE] [options of train.py]

one      one process with the whole batch and the threads of all
shared   the processes, each with its share of the batch: what torchrun starts
kept     the same, but each keeps its gradients to itself: the rest is what it costs to send them

A step is forward, backward and Adam on random images, on the CPU (gloo). The options of train.py choose networks, size
and --batch_size (4 here), which is that of all processes together. Wall time is the throughput, and means something on
a machine that nobody else uses; CPU time, of all processes together, shows what working together costs.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # before torch loads its threads, as in train.py

import argparse
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

from benchmarks.measuring import Timing, Timings, add_options, at_least_one, plot_ratios, ratio, table, tell, write_json
from geometry.se3 import translation_transform
from selfsup_depth import cli
from selfsup_depth.assembly import frames_of_sample
from selfsup_depth.config import TrainConfig
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import STEREO, Batch, Method, View
from trainer.ending import launched
from trainer.parallel import ParallelMethod
from trainer.processes import ALONE, Processes
from trainer.sampler import share

BASELINE = 0.54
DEFAULTS = ["--batch_size", "4", "--weights_init", "scratch"]


def main(argv: list[str] | None = None) -> Timings:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=at_least_one, default=2)
    add_options(parser, rounds=10)
    options, training = parser.parse_known_args(argv)
    config, count = cli.parse(TrainConfig, [*DEFAULTS, *training]), options.processes
    cores, batch = os.cpu_count() or 1, config.optimizer.batch_size
    if batch < count:
        parser.error(f"--batch_size {batch} is that of all {count} processes: give at least {count}")
    if count > cores:
        parser.error(f"--processes {count}: this machine has {cores} cores; give at most one process for each")
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    answer = torch.multiprocessing.get_context("spawn").SimpleQueue()
    work = (count, store.port, config, options.rounds, options.threads, answer)
    torch.multiprocessing.spawn(in_process, work, nprocs=count)
    timings, megabytes = answer.get()
    size = f"{config.data.width}x{config.data.height}"
    what = f"{count} processes of {options.threads} threads, batch {batch}, {size}, {megabytes:.0f} MB of gradients"
    tell(what, table(timings, "one", clock="wall", items=batch, of="image"))
    tell("the CPU time of all processes together", table(timings, "one", items=batch, of="image"))
    print(f"throughput of {count} processes: {ratio(timings, 'shared', 'one', 'wall'):.2f} times that of one")
    facts = {"processes": count, "batch_size": batch, "size": size, "gradient_megabytes": megabytes}
    if options.json is not None:
        write_json(options.json, {size: timings}, "one", **facts, load=os.getloadavg()[0])
    if options.plot is not None:
        plot_ratios(options.plot, {"processes": {count: timings}}, "one", "wall")
    return timings


# ------------------------------------------------------------------ in a process


def in_process(rank: int, count: int, port: int, config: TrainConfig, rounds: int, threads: int, answer: Any) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "True",
    }  # fmt: skip
    with launched() as processes:
        processes.connect(torch.device("cpu"))
        method = build(config)
        timings = measured(steps(method, config, processes), processes, rounds, threads)
        if processes.is_main:
            answer.put((timings, sum(4 * p.numel() for p in method.parameters() if p.requires_grad) / 1e6))


#: way -> how many processes take a step in it, and the step of this one; None: this one looks on
Steps = dict[str, tuple[int, Callable[[], None] | None]]


def steps(method: Method, config: TrainConfig, processes: Processes) -> Steps:
    batch_size = config.optimizer.batch_size
    own = len(share(batch_size, processes.rank, processes.count))
    alone, shared = deepcopy(method), ParallelMethod(method, processes, own, batch_size)
    in_one = None
    if processes.is_main:
        in_one = stepper(ParallelMethod(alone, ALONE, batch_size, batch_size), images(config, batch_size))
    return {
        "one": (1, in_one),
        "shared": (processes.count, stepper(shared, images(config, own))),
        "kept": (processes.count, stepper(shared, images(config, own), sends=False)),
    }


def measured(ways: Steps, processes: Processes, rounds: int, threads: int) -> dict[str, Timing]:
    """Wall time of the slowest process and CPU time of those that work; the first round warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name in list(ways) if turn % 2 else list(ways)[::-1]:
            working, step = ways[name]
            torch.set_num_threads(threads * processes.count // working)
            processes.largest(0)  # all begin together
            wall, cpu = time.perf_counter(), time.process_time()
            if step is not None:
                step()
            spent = processes.gather((time.process_time() - cpu, time.perf_counter() - wall))
            if turn:
                taken[name].append((sum(cpu for cpu, _ in spent[:working]), max(wall for _, wall in spent)))
    return {name: Timing(*zip(*pairs, strict=True)) for name, pairs in taken.items()}


def stepper(method: ParallelMethod, batch: Batch, *, sends: bool = True) -> Callable[[], None]:
    optimizer = torch.optim.Adam([p for p in method.method.parameters() if p.requires_grad], lr=1e-4, fused=True)
    generator = torch.Generator().manual_seed(0)

    def step() -> None:
        with method.micro_batch(last=sends):
            method.losses(batch, generator).total.backward()
        if sends:
            method.share_statistics()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def build(config: TrainConfig) -> Method:
    torch.manual_seed(config.run.seed)
    unit = BASELINE / 0.1 if config.data.use_stereo else None
    request = MethodRequest(config.network, config.loss, config.data.frame_ids, config.data.use_stereo, unit)
    return build_method(config.run.method, request).train()


def images(config: TrainConfig, count: int) -> Batch:
    height, width = config.data.height, config.data.width
    camera = torch.tensor([[0.58 * width, 0, width / 2], [0, 1.92 * height, height / 2], [0, 0, 1]])
    generator = torch.Generator().manual_seed(0)

    def view() -> View:
        image = torch.rand(count, 3, height, width, generator=generator)
        return View(image, image, camera.expand(count, 3, 3))

    frames = frames_of_sample(config)
    stereo = translation_transform(torch.tensor([[-BASELINE, 0, 0]]).repeat(count, 1)) if STEREO in frames else None
    return Batch(view(), {frame: view() for frame in frames[1:]}, stereo, names=[""] * count)


if __name__ == "__main__":
    main()
