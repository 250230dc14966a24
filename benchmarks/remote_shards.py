"""Two ways to read a data set from a server that takes its time: shards from end to end, or parts of them in any order.

    python -m benchmarks.remote_shards [--delay_ms 20] [--rounds 5]

streamed   tar shards whose samples hold all their frames, read in their order by the package webdataset: a frame is
           stored once for every sample that looks at it
indexed    our shards (`prepare_data.py --shards`): a frame is stored once, and a batch asks for the parts it needs
kept       the same with --shard_cache_gb, when everything has been read before

One process, batches of 12, samples of four frames of 640x192 as JPEGs, a server on this machine that answers every
request after a delay. A sample costs CPU time of this process, time, requests, and bytes sent and stored.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import webdataset
from rich import box
from rich.table import Table

import prepare_data
from benchmarks.loader import FRAMES, WANTED
from benchmarks.loader_footage import write_drive
from benchmarks.measuring import tell
from selfsup_depth.datasets import DatasetRequest, ReaderOptions, ShardCacheOptions, ViewDataset, build_dataset, collate
from selfsup_depth.datasets.tar_members import decode_into

SIZE, BATCH = (192, 640), 12


def serve(folder: str, delay_s: float, port: Any, requests: Any, sent: Any) -> None:
    """Files of a folder, whole or in parts; runs in a process of its own until it is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(delay_s)
            content = Path(folder, self.path.lstrip("/")).read_bytes()
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if part:
                content = content[int(part[1]) : int(part[2]) + 1]
            with requests.get_lock():
                requests.value += 1
                sent.value += len(content)
            self.send_response(206 if part else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with closing(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        port.value = server.server_address[1]
        server.serve_forever()


def write_streamed(path: Path, data: ViewDataset) -> None:
    """The same JPEGs, all that a sample needs beside each other."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for index in range(len(data)):
            for number, view in enumerate(data._views(index)):
                found = data.source._by_name[view]
                start, size, _ = found.image_at
                (content,) = data.source.storage.parts([(f"shard_{found.shard:05d}.tar", start, start + size)])
                info = tarfile.TarInfo(f"{index:06d}.{number}.jpg")
                info.size = size
                tar.addfile(info, BytesIO(content.tobytes()))


@dataclass(frozen=True)
class Cost:
    cpu_ms: float
    wall_ms: float
    requests: float
    kilobytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=200, help="of the drive that is written")
    parser.add_argument("--delay_ms", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    context = multiprocessing.get_context("spawn")
    port, requests, sent = context.Value("i", 0), context.Value("l", 0), context.Value("l", 0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        drive = write_drive(root / "drive", options.frames)
        size = ["--height", str(SIZE[0]), "--width", str(SIZE[1])]
        source = ["--dataset", "kitti", "--data_path", str(drive), *WANTED, *size]
        prepare_data.main([*source, "--shards", "--output_directory", str(root / "set")])
        write_streamed(root / "set" / "streamed.tar", opened(root / "set"))
        arguments = (str(root / "set"), options.delay_ms / 1000, port, requests, sent)
        server = context.Process(target=serve, args=arguments, daemon=True)
        server.start()
        while not port.value:
            time.sleep(0.05)
        url = f"http://127.0.0.1:{port.value}"
        indexed, kept = opened(url), opened(url, ShardCacheOptions(root / "cache", 1 << 40))
        ways = {
            "streamed": lambda: stream(f"{url}/streamed.tar"),
            "indexed": lambda: load(indexed),
            "kept": lambda: load(kept),
        }
        costs = {name: [] for name in ways}
        for turn in range(options.rounds + 1):
            for name, way in ways.items():
                cost = cost_of(way, len(indexed), requests, sent)
                costs[name] += [cost] if turn else []
        server.terminate()
        stored = {
            "streamed": (root / "set" / "streamed.tar").stat().st_size,
            "indexed": sum(path.stat().st_size for path in (root / "set").glob("shard_*.tar")),
        }
    show(costs, {name: stored.get(name, stored["indexed"]) / len(indexed) / 1e3 for name in costs}, options.delay_ms)


def opened(path: str | Path, cache: ShardCacheOptions | None = None) -> ViewDataset:
    options = ReaderOptions(shard_cache=cache)
    return build_dataset("shards", DatasetRequest(*SIZE, FRAMES, path, is_train=True, options=options))


def load(data: ViewDataset) -> None:
    order = np.random.default_rng(0).permutation(len(data)).tolist()
    for first in range(0, len(order), BATCH):
        collate(data.__getitems__(order[first : first + BATCH]))


def stream(url: str) -> None:
    images = torch.empty(len(FRAMES), 3, *SIZE, dtype=torch.uint8)
    for sample in webdataset.WebDataset(url, shardshuffle=False):
        for number, out in enumerate(images):
            decode_into(np.frombuffer(sample[f"{number}.jpg"], np.uint8), "jpg", out)


def cost_of(way: Callable[[], None], samples: int, requests: Any, sent: Any) -> Cost:
    asked, came, cpu, wall = requests.value, sent.value, time.process_time(), time.perf_counter()
    way()
    cpu, wall, asked, came = (
        time.process_time() - cpu, time.perf_counter() - wall, requests.value - asked, sent.value - came
    )  # fmt: skip
    return Cost(1000 * cpu / samples, 1000 * wall / samples, asked / samples, came / samples / 1e3)


def show(costs: dict[str, list[Cost]], stored: dict[str, float], delay_ms: float) -> None:
    table = Table("way", "cpu ms/sample", "wall ms/sample", "requests/sample", "kB sent", "kB stored", box=box.MARKDOWN)
    for name, found in costs.items():
        numbers = [f"{median(getattr(cost, key) for cost in found):.2f}" for key in ("cpu_ms", "wall_ms", "requests")]
        sent = median(cost.kilobytes for cost in found)
        table.add_row(name, *numbers, f"{sent:.0f}", f"{stored[name]:.0f}")
    tell(f"samples of four frames from a server that answers after {delay_ms:g} ms", table)


if __name__ == "__main__":
    main()
