"""Time per image of an evaluation: as the published script does it, as ours does it, and of the network alone.

    python -m benchmarks.evaluate [--batches 1 16] [--truth lidar|dense] [--images 32] [--height 192] [--width 640]
        [--sizes 320x96 1024x320] [--encoder resnet18] [--rounds 5] [--threads 1] [--workers 0] [--json FILE]
        [--plot FILE]

published  Pillow and Lanczos, batches through the network in fp32, everything collected, then numpy image by image
ours       what evaluate_depth.py does, from the files on the disk to per_image.csv and summary.json
ours bf16  the same with --precision bf16, where the device has it
network    the floor: ours' network alone, in fp32, on images that lie ready

Images are 1242x375; the truth is known in every twentieth pixel (lidar) or in all of them (dense). Weights are random.
Both ways are held to the same scores first.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from benchmarks.loader_footage import RECORDED, write_walk
from benchmarks.measuring import Timing, add_options, at_least_one, clock_of, measure, table, tell, write_json
from benchmarks.published_serving import (
    PublishedNetwork,
    evaluate_as_published,
    has_bf16,
    images_ready,
    write_checkpoint,
)
from benchmarks.settings import add_setting_options, plot_settings, settings_of
from selfsup_depth.evaluation.accumulator import EvaluationResult
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.ground_truth_files import write_ground_truth
from selfsup_depth.evaluation.metrics import MONODEPTH2_COLUMNS
from selfsup_depth.evaluation.run_evaluation import run_evaluation
from selfsup_depth.predictor import DepthPredictor

KNOWN = {"lidar": 0.045, "dense": 1.0}  # share of the pixels
SAME = 1e-3  # relative: the two resize images by different filters
BASE = "published"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_options(parser, [1, 16])
    parser.add_argument("--truth", choices=sorted(KNOWN), default="lidar")
    parser.add_argument("--images", type=at_least_one, default=32)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--workers", type=int, default=0, help="processes that load images, of ours and of theirs")
    add_options(parser, rounds=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as root:
        settings = settings_of(options)
        at = {size: Evaluation(Path(root), options, size) for size in dict.fromkeys(each.size for each in settings)}
        differences = {f"{width}x{height}": found.differences() for (height, width), found in at.items()}
        measured = {setting: at[setting.size].measure(setting.batch, options.rounds) for setting in settings}
        clock = clock_of(at[settings[0].size].published.device)
    for setting, timings in measured.items():
        shown = table(timings, BASE, clock=clock, items=options.images, of="image")
        tell(f"{options.encoder}, {options.images} images, {options.truth} truth, {setting}", shown)
    if options.json is not None:
        named = {str(setting): timings for setting, timings in measured.items()}
        write_json(options.json, named, BASE, options=vars(options), score_differences=differences)
    if options.plot is not None:
        plot_settings(options.plot, measured, BASE, clock)


class Evaluation:
    """The same list, evaluated in several ways."""

    def __init__(self, root: Path, options: argparse.Namespace, size: tuple[int, int]) -> None:
        height, width = size
        self.root = root = root / f"{width}x{height}"
        self.workers = options.workers
        write_walk(root / "walk", options.images)
        self.files = sorted((root / "walk").glob("*.jpg"))
        lines = [f"- {number} l" for number in range(options.images)]
        (root / "lists").mkdir()
        (root / "lists" / "test_files.txt").write_text("\n".join(lines))
        write_ground_truth(root / "gt_depths.npz", truths(options.images, KNOWN[options.truth]), lines)
        self.folder = write_checkpoint(root / "weights", options.encoder, height, width)
        self.published = PublishedNetwork(self.folder)
        self.models = {"ours": DepthPredictor.load(self.folder)}
        if has_bf16(self.published.device):
            self.models["ours bf16"] = DepthPredictor.load(self.folder, precision="bf16")

    def measure(self, batch: int, rounds: int) -> dict[str, Timing]:
        ready = images_ready(self.files, self.published)
        ways: dict[str, Callable[[], object]] = {BASE: partial(self.as_published, batch)}
        ways |= {name: partial(self.as_ours, model, batch) for name, model in self.models.items()}
        network = self.models["ours"].predict_inverse_depth
        ways["network"] = lambda: [network(images) for images in ready.split(batch)]
        return measure(ways, rounds)

    def as_published(self, batch: int) -> np.ndarray:
        return evaluate_as_published(self.published, self.files, self.root / "gt_depths.npz", batch, self.workers)

    def as_ours(self, model: DepthPredictor, batch: int) -> EvaluationResult:
        config = EvaluateConfig(
            load_weights_folder=self.folder, eval_stereo=True, dataset="folder", data_path=self.root / "walk",
            eval_split=str(self.root / "lists"), gt_path=self.root / "gt_depths.npz", protocol="stereo_folder",
            batch_size=batch, num_workers=self.workers, eval_out_dir=self.root / "out",
        )  # fmt: skip
        result = run_evaluation(config, lambda *_: model, Console(file=io.StringIO()))
        assert result is not None
        return result

    def differences(self) -> dict[str, float]:
        """Of each score, relative to it or to 0.1. Raises AssertionError for more than the resize filters explain."""
        theirs, ours = self.as_published(4), self.as_ours(self.models["ours"], 4).headline
        pairs = {name: (getattr(ours, name), score) for name, score in zip(MONODEPTH2_COLUMNS, theirs, strict=True)}
        found = {name: abs(one - other) / max(other, 0.1) for name, (one, other) in pairs.items()}
        assert max(found.values()) < SAME, f"the two evaluations disagree: {found}"
        return {name: float(difference) for name, difference in found.items()}


def truths(count: int, share: float) -> list[np.ndarray]:
    """Depth maps in metres, known in so many of the pixels."""
    rng = np.random.default_rng(0)
    maps = [rng.uniform(2, 79, RECORDED) * (rng.random(RECORDED) < share) for _ in range(count)]
    return [depth.astype(np.float32) for depth in maps]


if __name__ == "__main__":
    main()
