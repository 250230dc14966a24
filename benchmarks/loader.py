"""Ways to load the same samples, in turns in one run: CPU time per sample, and samples per second with workers.

    python -m benchmarks.loader [--lidar] [--workers 2] [--batches 12] [--sizes 320x96 1024x320] [--rounds 5]
        [--json FILE] [--plot FILE] [options of train.py]

plain      as the published code loads (`plain_loading`); with --lidar also as it does on full KITTI raw
floor      the JPEGs of the same samples decoded by torchvision, and nothing else
originals  our reader of the same files: decoded once, resized once, uint8; flips, jitter and floats on the device
prepared   what prepare_data.py wrote of them: neither decoded nor resized
shards     the same as tar shards, of JPEGs and exact
in memory  all of them held in memory (--in_memory)

A sample is a target, its neighbours in time and its stereo partner: four frames of 1242x375, asked for at 640x192. Of
every setting the first table is of one process, the others of workers, of one thread each, and the main process that
receives batches; there the CPU time is that of all of them, whose ratios --plot draws. The last line is the share of a
training's time that it waits for the prepared set of the first setting, with a small network (--steps 0 leaves it out).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import threadpoolctl
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import Dataset, default_collate
from torchvision.io import ImageReadMode, decode_jpeg, read_file

import prepare_data
import train
from benchmarks.loader_footage import write_drive
from benchmarks.measuring import Timing, Timings, add_options, measure, ratio, table, tell, write_json
from benchmarks.plain_loading import PlainSamples
from benchmarks.settings import Setting, add_setting_options, plot_settings, settings_of
from benchmarks.worker_time import Turn, turns_with_workers
from selfsup_depth.datasets import (
    BatchMemory,
    DatasetRequest,
    ViewDataset,
    augment,
    build_dataset,
    collate,
    hold_images,
)

FRAMES = (0, -1, 1, "s")
WANTED = ["--frame_ids", "0", "-1", "1", "--use_stereo"]
#: A small network: the faster a step is, the sooner it waits for data.
TRAINING = ["--batch_size", "4", "--num_epochs", "1", "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050",
            "--pose_model_type", "posecnn"]  # fmt: skip
LEAST_S = 0.5  # that a turn of a way takes, by going over the samples more than once


@dataclass(frozen=True)
class Way:
    samples: Dataset[Any]
    together: Callable[[list[Any]], Any]
    received: Callable[[Any], object] = lambda batch: batch
    is_ours: bool = False


class Decoded(Dataset[Tensor]):
    """The JPEGs of a sample decoded, and nothing kept of them."""

    def __init__(self, data: ViewDataset) -> None:
        source = data.source
        self.files = [[source.image_path(view) for view in data._views(index)] for index in range(len(data))]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        pictures = [decode_jpeg(read_file(path), mode=ImageReadMode.RGB) for path in self.files[index]]
        return torch.tensor(len(pictures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, rounds=5)
    parser.add_argument("--frames", type=int, default=24, help="of the drive that is written")
    add_setting_options(parser, [12])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lidar", action="store_true", help="also the plain way with scans, which are made")
    parser.add_argument("--steps", type=int, default=6, help="of the training whose waiting is measured")
    options, training = parser.parse_known_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as root, threadpoolctl.threadpool_limits(1):
        drive = write_drive(Path(root) / "drive", options.frames)
        first, *_ = settings = settings_of(options)
        alone, with_workers = {}, {}
        for setting in settings:
            ways = make_ways(Path(root) / str(setting), drive, setting, options)
            alone[setting] = one_process(ways, setting.batch, options.rounds)
            with_workers[setting] = turns_of_workers(ways, setting.batch, options)
            show(alone[setting], with_workers[setting], setting, options.workers)
            if setting == first:
                device = seconds_of_augmenting(ways["prepared"], first.batch)
        waiting = share_of_waiting(Path(root) / str(first), first, options, training) if options.steps else None
    tell_rest(device, waiting, first)
    if options.json is not None:
        facts = {"augmenting_ms": 1000 * device, "waiting_for_data": waiting, "workers": options.workers}
        named = {f"{setting}, one process": timings for setting, timings in alone.items()}
        named |= {f"{setting}, workers": timings for setting, timings in with_workers.items()}
        write_json(options.json, named, "plain", **facts)
    if options.plot is not None:
        plot_settings(options.plot, with_workers, "plain")


def show(alone: Timings, with_workers: Timings, setting: Setting, workers: int) -> None:
    tell(f"{setting}, one process: CPU time of a sample of four frames", table(alone, "plain", of="sample"))
    processes = f"{setting}, {workers} workers and the main process"
    tell(f"{processes}: CPU time of a sample", table(with_workers, "plain", of="sample"))
    tell(f"{processes}: time from sample to sample", table(with_workers, "plain", clock="wall", of="sample"))
    console = Console(width=120)
    speeds = {name: 1 / timing.seconds("wall") for name, timing in with_workers.items()}
    told = ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items())
    console.print(f"samples/s with {workers} workers: {told}", highlight=False)
    floor = ratio(alone, "originals", "floor")
    console.print(f"originals take {1 / floor:.2f} times as long as decoding alone", highlight=False)


def tell_rest(device: float, waiting: float | None, setting: Setting) -> None:
    console = Console(width=120, highlight=False, soft_wrap=True)
    console.print(
        f"{setting}: left to the device (floats, flips, jitter), done on one thread here: {1000 * device:.1f} ms a "
        "sample"
    )
    if waiting is not None:
        console.print(f"training from the prepared set waits for data in {waiting:.1%} of its time")


# ------------------------------------------------------------------ ways


def make_ways(root: Path, drive: Path, setting: Setting, options: argparse.Namespace) -> dict[str, Way]:
    size = setting.size
    source = ["--dataset", "kitti", "--data_path", str(drive), *WANTED, *size_words(setting)]
    for name, words in (("prepared", []), ("shards", ["--shards"]), ("exact", ["--shards", "--shard_quality", "0"])):
        prepare_data.main([*source, *words, "--output_directory", str(root / name)])

    def ours(name: str, folder: Path) -> ViewDataset:
        return build_dataset(name, DatasetRequest(*size, FRAMES, folder, is_train=True))

    def way(samples: ViewDataset) -> Way:
        memory = BatchMemory(options.workers, setting.batch, len(FRAMES), size)
        return Way(samples, memory if options.workers else collate, lambda batch: batch.to("cpu"), is_ours=True)

    originals, held = ours("kitti", drive), ours("kitti", drive)
    hold_images(held, 1, lambda done, total: None)
    plain = PlainSamples(drive, originals.items, size, FRAMES, lidar=False)
    ways = {"plain": Way(plain, default_collate)}
    if options.lidar:
        with_scans = PlainSamples(drive, originals.items, size, FRAMES, lidar=True)
        ways["plain with LiDAR"] = replace(ways["plain"], samples=with_scans)
    return ways | {
        "floor": Way(Decoded(originals), default_collate),
        "originals": way(originals),
        "shards, JPEG": way(ours("shards", root / "shards")),
        "shards, exact": way(ours("shards", root / "exact")),
        "prepared": way(ours("prepared", root / "prepared")),
        "in memory": way(held),
    }


def size_words(setting: Setting) -> list[str]:
    return ["--height", str(setting.height), "--width", str(setting.width)]


def batches(way: Way, batch_size: int, times: int) -> Iterator[list[Any]]:
    """All samples in whole batches, so many times; ours are asked for with an epoch, which decides how they look."""
    count = len(way.samples)  # type: ignore[arg-type]
    for epoch in range(times):
        for first in range(0, count, batch_size):
            indices = range(first, min(first + batch_size, count))
            yield [(epoch, index) for index in indices] if way.is_ours else list(indices)


# ------------------------------------------------------------------ timing


def one_process(ways: Mapping[str, Way], batch_size: int, rounds: int) -> dict[str, Timing]:
    """Timings of a sample."""

    def load(name: str, times: int) -> None:
        way = ways[name]
        together = collate if way.is_ours else way.together
        for keys in batches(way, batch_size, times):
            way.received(together([way.samples[key] for key in keys]))

    times = {}
    for name in ways:
        load(name, 1)
        start = time.perf_counter()
        load(name, 1)
        times[name] = max(1, round(LEAST_S / (time.perf_counter() - start)))
    found = measure({name: lambda name=name: load(name, times[name]) for name in ways}, rounds, warm_ups=0)
    return {name: per_sample(timing, times[name] * len(ways[name].samples)) for name, timing in found.items()}  # type: ignore[arg-type]


def per_sample(timing: Timing, samples: int) -> Timing:
    return Timing(tuple(s / samples for s in timing.cpu_s), tuple(s / samples for s in timing.wall_s))


def turns_of_workers(ways: Mapping[str, Way], batch_size: int, options: argparse.Namespace) -> dict[str, Timing]:
    """Timings of a sample, with the workers' CPU time."""
    turns = {}
    for name, way in ways.items():
        keys = list(batches(way, batch_size, 1))
        turns[name] = Turn(way.samples, way.together, way.received, keys, len(way.samples))  # type: ignore[arg-type]
    return turns_with_workers(turns, options.workers, options.rounds, LEAST_S)


def seconds_of_augmenting(way: Way, batch_size: int) -> float:
    """Per sample: what our readers leave to the device."""
    raw = [collate([way.samples[key] for key in keys]) for keys in batches(way, batch_size, 1)]
    taken = measure({"augment": lambda: [augment(each) for each in raw]}, rounds=3)["augment"]
    return taken.seconds("cpu") / len(way.samples)  # type: ignore[arg-type]


# ------------------------------------------------------------------ training


def share_of_waiting(root: Path, setting: Setting, options: argparse.Namespace, training: list[str]) -> float:
    """Share of a training's time that it waits for data, by its own clock, in the last line it writes."""
    prepared = root / "prepared"
    data = build_dataset("prepared", DatasetRequest(*setting.size, FRAMES, prepared))
    lists = root / "lists"
    lists.mkdir()
    names = [data.name(index) for index in range(len(data))]
    (lists / "train_files.txt").write_text("\n".join(names[: min(4 * options.steps, len(names) - 1)]))
    (lists / "val_files.txt").write_text(names[-1])
    words = ["--dataset", "prepared", "--data_path", str(prepared), "--split", str(lists), *WANTED]
    words += [*size_words(setting), *TRAINING, "--num_workers", str(options.workers)]
    train.main([*words, "--log_dir", str(root / "runs"), *training])
    (metrics,) = (root / "runs").glob("*/metrics.jsonl")
    told = [json.loads(line) for line in metrics.read_text().splitlines()]
    return float([line["waiting_for_data"] for line in told if "waiting_for_data" in line][-1])


if __name__ == "__main__":
    main()
