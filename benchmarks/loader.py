"""Samples per second of three ways to load the same footage, alternating in one run, and how long training waits.

    python -m benchmarks.loader [--images 48] [--workers 2] [--rounds 3] [--steps 6] [--json FILE] [options of train.py]

plain      as the published code loads: Pillow decodes every frame, a chain of Lanczos resizes makes four scales of
           each, every scale is jittered, everything becomes float tensors
originals  our reader of the same files: decoded once, resized once, uint8; flips, jitter and floats on the device
prepared   what prepare_data.py wrote of them: neither decoded nor resized

A sample is three frames of 1242x375, asked for at 640x192. Each worker has one thread. The last number is the share of
a training's time that it waits for the prepared set, on this machine's CPU (or GPU) with the options given.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import skimage.data
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import functional as F

import prepare_data
import train
from selfsup_depth.datasets import DatasetRequest, augment, build_dataset, collate

FRAMES, SCALES = (0, -1, 1), 4
RECORDED = (375, 1242)  # height, width
#: A small network: the faster a step is, the sooner it waits for data.
TRAINING = ["--batch_size", "4", "--num_epochs", "1", "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050",
            "--pose_model_type", "posecnn"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--height", type=int, default=192)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="of the training whose waiting is measured")
    parser.add_argument("--json", type=Path, default=None)
    options, training = parser.parse_known_args()
    size = ["--height", str(options.height), "--width", str(options.width)]
    frames = ["--frame_ids", *map(str, FRAMES)]
    with tempfile.TemporaryDirectory() as root:
        originals, prepared = Path(root) / "walk", Path(root) / "prepared"
        write_footage(originals, options.images)
        source = ["--dataset", "folder", "--data_path", str(originals), *frames, *size]
        prepare_data.main([*source, "--output_directory", str(prepared)])
        ways = loaders(originals, prepared, (options.height, options.width), options.workers)
        seconds = alternating(ways, options.rounds)
        lists = write_lists(Path(root) / "lists", ways["prepared"].dataset, 4 * options.steps)
        learnt = ["--dataset", "prepared", "--data_path", str(prepared), "--split", str(lists), *frames, *size]
        learnt += [*TRAINING, "--num_workers", str(options.workers), "--log_dir", f"{root}/runs", *training]
        waiting = share_of_waiting(learnt)
    result: dict[str, Any] = {name: 1 / each for name, each in seconds.items()}
    result |= {"on the device": 1 / seconds_of_augmenting(ways["prepared"]), "waiting for data": waiting}
    show(result, options.workers)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def show(result: dict[str, Any], workers: int) -> None:
    """Table of samples per second; ratios to the plain way."""
    table = Table("way", "samples/s", "times plain")
    for name in ("plain", "originals", "prepared"):
        table.add_row(name, f"{result[name]:.1f}", f"{result[name] / result['plain']:.1f}")
    console = Console()
    console.print(f"samples of {len(FRAMES)} frames, {workers} workers of one thread")
    console.print(table)
    console.print(
        f"what our two ways leave to the device (floats, flips, jitter), done on one thread here: "
        f"{result['on the device']:.1f} samples/s"
    )
    console.print(f"training from the prepared set waits for data in {result['waiting for data']:.1%} of its time")


# ------------------------------------------------------------------ footage


def write_footage(folder: Path, images: int) -> None:
    """JPEGs of a camera that moves along a photograph, and its calibration."""
    folder.mkdir(parents=True)
    height, width = RECORDED
    wide = Image.fromarray(skimage.data.coffee()).resize((width + 8 * images, 2 * height), Image.Resampling.LANCZOS)
    grain = np.random.default_rng(0).normal(0, 4, (*RECORDED, 3))
    for frame in range(images):
        view = np.asarray(wide.crop((8 * frame, frame, 8 * frame + width, frame + height)), dtype=np.float32)
        picture = Image.fromarray(np.clip(view + grain, 0, 255).astype(np.uint8))
        picture.save(folder / f"{frame:06d}.jpg", quality=92)
    camera = {"image_width": width, "image_height": height, "fx": 720.0, "fy": 720.0, "cx": width / 2, "cy": height / 2}
    (folder / "calib.json").write_text(json.dumps(camera | {"pixel_origin": "corner"}))


# ------------------------------------------------------------------ three ways


class PlainSamples(Dataset[dict[str, Tensor]]):
    """Samples as the published code of Monodepth2 makes them (arXiv:1806.01260), re-expressed."""

    def __init__(self, files: list[Path], size: tuple[int, int]) -> None:
        self.files, self.size = files, size

    def __len__(self) -> int:
        return len(self.files) - 2

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample = {}
        jittered, flipped = random.random() > 0.5, random.random() > 0.5
        order = random.sample(range(4), 4)
        factors = [random.uniform(0.8, 1.2) for _ in range(3)] + [random.uniform(-0.1, 0.1)]
        for frame in FRAMES:
            with Image.open(self.files[index + 1 + frame]) as file:
                image = file.convert("RGB")
            if flipped:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            for scale in range(SCALES):
                height, width = (length // 2**scale for length in self.size)
                image = image.resize((width, height), Image.Resampling.LANCZOS)
                sample[f"color {frame} {scale}"] = F.to_tensor(image)
                seen = jitter(image, order, factors) if jittered else image
                sample[f"color_aug {frame} {scale}"] = F.to_tensor(seen)
        return sample


def jitter(image: Image.Image, order: list[int], factors: list[float]) -> Image.Image:
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for operation in order:
        image = adjust[operation](image, factors[operation])
    return image


def loaders(originals: Path, prepared: Path, size: tuple[int, int], workers: int) -> dict[str, DataLoader]:
    """The same samples, with workers that stay between rounds."""

    def ours(name: str, folder: Path) -> DataLoader:
        request = DatasetRequest(*size, FRAMES, folder, is_train=True)
        return loader(build_dataset(name, request), collate)

    def loader(samples: Dataset[Any], put_together: Any) -> DataLoader:
        return DataLoader(
            samples, batch_size=4, num_workers=workers, collate_fn=put_together, persistent_workers=workers > 0
        )

    plain = PlainSamples(sorted(originals.glob("*.jpg")), size)
    return {
        "plain": loader(plain, None),
        "originals": ours("folder", originals),
        "prepared": ours("prepared", prepared),
    }


def alternating(ways: dict[str, DataLoader], rounds: int) -> dict[str, float]:
    """Median seconds per sample; a round goes once through each, the first round starts the workers."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, loader in ways.items():
            start = time.perf_counter()
            samples = sum(1 for _ in rows(loader))
            if turn:
                taken[name].append((time.perf_counter() - start) / samples)
    return {name: median(times) for name, times in taken.items()}


def rows(loader: DataLoader) -> Iterator[int]:
    for batch in loader:
        count = len(batch["color 0 0"]) if isinstance(batch, dict) else len(batch.indices)
        yield from range(count)


def seconds_of_augmenting(loader: DataLoader) -> float:
    """Per sample: what our readers leave to the device."""
    batches = list(loader)
    start = time.perf_counter()
    for batch in batches:
        augment(batch)
    return (time.perf_counter() - start) / sum(len(batch.indices) for batch in batches)


# ------------------------------------------------------------------ training


def write_lists(folder: Path, samples: Any, count: int) -> Path:
    """Lists of so many samples for training and of one for validation, whose time is not asked for."""
    folder.mkdir()
    names = [samples.name(index) for index in range(len(samples))]
    (folder / "train_files.txt").write_text("\n".join(names[: min(count, len(names) - 1)]))
    (folder / "val_files.txt").write_text(names[-1])
    return folder


def share_of_waiting(options: list[str]) -> float:
    """Share of a training's time that it waits for data, by its own clock, in the last line it writes."""
    train.main(options)
    log_dir = Path(options[options.index("--log_dir") + 1])
    (metrics,) = log_dir.glob("*/metrics.jsonl")
    told = [json.loads(line) for line in io.StringIO(metrics.read_text())]
    return float([line["waiting_for_data"] for line in told if "waiting_for_data" in line][-1])


if __name__ == "__main__":
    main()
