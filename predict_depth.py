"""Depth of an image, a folder of images, a video or a webcam, with its unit.

python predict_depth.py --image_path photos --load_weights_folder runs/mdp/models/best --output_directory out
"""

from __future__ import annotations

import os

# Before torch loads its threads: on a machine that others use too, threads that wait for each other
# in a busy loop make a step up to forty times slower (docs/training.md, "Shared machines").
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import sys
from collections.abc import Sequence

from selfsup_depth import cli

with cli.quiet_ctrl_c():
    from rich.progress import Progress

    from selfsup_depth.checkpoints import CheckpointMeta
    from selfsup_depth.datasets.request import FootageOptions
    from selfsup_depth.errors import UserError
    from selfsup_depth.prediction.cameras import PictureCameras
    from selfsup_depth.prediction.engines import EngineRequest, build_engine
    from selfsup_depth.prediction.formats import CLOUD, CloudLimits
    from selfsup_depth.prediction.frames import Source
    from selfsup_depth.prediction.metadata import Origin
    from selfsup_depth.prediction.opening import open_source
    from selfsup_depth.prediction.options import PredictConfig
    from selfsup_depth.prediction.plan import Plan, make_plan
    from selfsup_depth.prediction.results import Results
    from selfsup_depth.prediction.run import Run, RunSettings
    from selfsup_depth.prediction.summary import print_summary
    from selfsup_depth.preparation.seen_pictures import PinholeViews
    from selfsup_depth.structures import STEREO


def main(argv: Sequence[str] | None = None) -> int:
    config = cli.parse(PredictConfig, argv)
    source = open_source(config)
    request = EngineRequest(
        config.load_weights_folder,
        config.weights_format,
        config.onnx_file,
        config.precision,
        "cpu" if config.no_cuda else None,
    )
    engine = build_engine(config.engine, request)
    meta = engine.meta
    print(f"engine: {config.engine} on {engine.runs_on}")
    if meta.origin:
        print(f"{engine.weights}: {meta.origin}")
    plan = make_plan(config, source, meta)
    origin = Origin(meta, engine.weights, config.engine, engine.runs_on, config.precision, config.temporal_smoothing)
    results = Results(plan, origin)
    run = Run(source, engine, results, run_settings(config, source, plan), cameras_of(config, source, meta))
    try:
        with results, Progress(disable=source.length == 1) as progress:
            total = min(filter(None, (source.length, config.max_frames)), default=None)
            task = progress.add_task("predicting", total=total)
            run(lambda: progress.advance(task))
    except KeyboardInterrupt:
        kept = f"{results.ledger.written} depth maps are in {plan.folder}"
        if results.failure is not None:
            raise UserError(f"{cli.STOPPED}, {kept}, but {results.failure}") from results.failure
        if not source.is_live:
            raise KeyboardInterrupt(f"{cli.STOPPED}: {kept}") from None
    tally = run.tally
    print_summary(plan, results.ledger, tally, meta)
    if tally.failures:
        of = f" of {source.length}" if source.length else ""
        clouds = f", {tally.without_cloud} of them without a point cloud" if tally.without_cloud else ""
        print(f"error: {results.ledger.written}{of} written{clouds}", file=sys.stderr)
    return 2 if tally.failures else 0


def run_settings(config: PredictConfig, source: Source, plan: Plan) -> RunSettings:
    limits = CloudLimits(config.cloud_max_depth, config.cloud_edge_threshold)
    return RunSettings(
        batch_size=config.batch_size,
        max_frames=config.max_frames,
        temporal_smoothing=config.temporal_smoothing,
        cloud=limits if CLOUD in plan.formats else None,
        only_clouds=plan.formats == (CLOUD,) and plan.video is None,
        stereo_layout=config.stereo_layout,
        is_sequence=source.is_footage or plan.video is not None or config.temporal_smoothing > 0,
    )


def cameras_of(config: PredictConfig, source: Source, meta: CheckpointMeta) -> PictureCameras:
    folder = None if source.is_live else config.image_path.absolute().parent
    options = FootageOptions(calibration=config.calibration, fov=config.fov, baseline=config.baseline)
    views = PinholeViews(stereo=STEREO in meta.frame_ids) if config.undistort else None
    return PictureCameras(options, folder, meta, views)


def script() -> None:
    sys.exit(cli.run(main))


if __name__ == "__main__":
    script()
