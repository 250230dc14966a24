"""Time per picture of a prediction: as the published script does it, as ours does it, and of the network alone.

    python -m benchmarks.predict [--batches 1 8] [--outputs npy color] [--images 24] [--height 192] [--width 640]
        [--sizes 320x96 1024x320] [--encoder resnet18] [--rounds 5] [--threads 1] [--json FILE] [--plot FILE]

published  one picture after the other: Pillow and Lanczos, fp32, .npy at the network's size, matplotlib's colours, JPEG
ours       what predict_depth.py does: .npy at the picture's size (five times the bytes), coloured .png, sidecar
ours bf16  the same with --precision bf16, where the device has it
network    the floor: ours' network alone, in fp32, on images that lie ready

Pictures are JPEGs of 1242x375. Weights are random.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from benchmarks.loader_footage import write_walk
from benchmarks.measuring import Timing, add_options, at_least_one, clock_of, measure, table, tell, write_json
from benchmarks.published_serving import (
    PublishedNetwork,
    has_bf16,
    images_ready,
    predict_as_published,
    write_checkpoint,
)
from benchmarks.settings import add_setting_options, plot_settings, settings_of
from predict_depth import cameras_of, run_settings
from selfsup_depth.prediction.engines import EngineRequest, TorchEngine
from selfsup_depth.prediction.metadata import Origin
from selfsup_depth.prediction.opening import open_source
from selfsup_depth.prediction.options import OutputName, PredictConfig
from selfsup_depth.prediction.plan import PICTURES, make_plan
from selfsup_depth.prediction.results import Results
from selfsup_depth.prediction.run import Run, Tally
from selfsup_depth.prediction.summary import speed

SAME = 1e-2  # relative depth: the two resize pictures by different filters
BASE = "published"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_setting_options(parser, [1, 8])
    parser.add_argument("--outputs", nargs="+", choices=get_args(OutputName), default=list(PICTURES))
    parser.add_argument("--images", type=at_least_one, default=24)
    parser.add_argument("--encoder", default="resnet18")
    add_options(parser, rounds=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as root:
        settings = settings_of(options)
        at = {size: Prediction(Path(root), options, size) for size in dict.fromkeys(each.size for each in settings)}
        differences = {f"{width}x{height}": found.difference() for (height, width), found in at.items()}
        measured = {setting: at[setting.size].measure(setting.batch, options.rounds) for setting in settings}
        first = at[settings[0].size]
        told = speed(first.as_ours(first.engines["ours"], options.batches[-1]))
    clock = clock_of(first.published.device)
    for setting, timings in measured.items():
        shown = table(timings, BASE, clock=clock, items=options.images, of="picture")
        tell(f"{options.encoder}, {options.images} pictures, {' '.join(options.outputs)}, {setting}", shown)
    print(f"predict_depth.py says of itself: {told}")
    if options.json is not None:
        named = {str(setting): timings for setting, timings in measured.items()}
        write_json(options.json, named, BASE, options=vars(options), depth_differences=differences)
    if options.plot is not None:
        plot_settings(options.plot, measured, BASE, clock)


class Prediction:
    """The same folder of pictures, predicted in several ways."""

    def __init__(self, root: Path, options: argparse.Namespace, size: tuple[int, int]) -> None:
        height, width = size
        self.root = root = root / f"{width}x{height}"
        self.outputs = tuple[OutputName, ...](options.outputs)
        write_walk(root / "walk", options.images)
        self.files = sorted((root / "walk").glob("*.jpg"))
        self.folder = write_checkpoint(root / "weights", options.encoder, height, width)
        self.published = PublishedNetwork(self.folder)
        self.engines = {"ours": TorchEngine(EngineRequest(self.folder))}
        if has_bf16(self.published.device):
            self.engines["ours bf16"] = TorchEngine(EngineRequest(self.folder, precision="bf16"))

    def measure(self, batch: int, rounds: int) -> dict[str, Timing]:
        ready = images_ready(self.files, self.published)
        ways: dict[str, Callable[[], object]] = {BASE: self.as_published}
        ways |= {name: partial(self.as_ours, engine, batch) for name, engine in self.engines.items()}
        ways["network"] = lambda: [self.engines["ours"](images) for images in ready.split(batch)]
        return measure(ways, rounds)

    def as_published(self) -> None:
        predict_as_published(self.published, self.files, self.root / "published")

    def as_ours(self, engine: TorchEngine, batch: int) -> Tally:
        config = PredictConfig(
            image_path=self.root / "walk", load_weights_folder=self.folder, output_directory=self.root / "ours",
            outputs=self.outputs, batch_size=batch,
        )  # fmt: skip
        source = open_source(config)
        plan = make_plan(config, source, engine.meta)
        origin = Origin(engine.meta, engine.weights, config.engine, engine.runs_on, config.precision, 0.0)
        with Results(plan, origin) as results:
            run = Run(
                source, engine, results, run_settings(config, source, plan), cameras_of(config, source, engine.meta)
            )
            return run(lambda: None)

    def difference(self) -> float:
        """Largest relative one of the median depths. Raises AssertionError for more than the filters explain."""
        self.as_published()
        self.as_ours(self.engines["ours"], 2)
        pairs = [
            [np.median(np.load(self.root / way / f"{file.stem}_depth.npy")) for way in ("published", "ours")]
            for file in self.files
        ]
        found = max(abs(ours / theirs - 1) for theirs, ours in pairs)
        assert found < SAME, f"the two predictions disagree by {found:.2g}"
        return float(found)


if __name__ == "__main__":
    main()
