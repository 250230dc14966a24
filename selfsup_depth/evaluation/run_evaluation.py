"""What `evaluate_depth.py` does: predictions, truth, scores, files, table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from selfsup_depth.datasets.builtin import BUILTIN
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.accumulator import EvaluationResult, ScoreAccumulator
from selfsup_depth.evaluation.baselines import constant_baseline
from selfsup_depth.evaluation.benchmark_submission import open_benchmark, write_submission
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.evaluation.evaluation_data import EvaluationData, open_data
from selfsup_depth.evaluation.image_list import builtin_remark, choose_list
from selfsup_depth.evaluation.leaks import leak_of
from selfsup_depth.evaluation.modes import ScoringMode, require_one_mode, scoring_mode
from selfsup_depth.evaluation.prediction_sources import LoadModel, PredictionSource, open_source
from selfsup_depth.evaluation.reporting import print_result, summarise, write_per_image, write_summary
from selfsup_depth.evaluation.scoring import SCORERS
from selfsup_depth.overlap import in_threads


def run_evaluation(config: EvaluateConfig, load_model: LoadModel, console: Console) -> EvaluationResult | None:
    """Evaluates a checkpoint or a file of predictions; writes and prints the result.

    Args:
        load_model: (checkpoint folder, device or None, precision) -> predictor.

    Returns:
        None with --no_eval and for the benchmark, whose truth is on the server.

    Raises:
        UserError: if options, data, checkpoint or predictions do not fit together.
    """
    require_one_mode(config)
    image_list = choose_list(config)
    source = open_source(config, load_model)
    mode = None if config.no_eval else scoring_mode(config, image_list.protocol, source.unit)
    is_submission = image_list.protocol.ground_truth == "none"
    if is_submission:
        data = open_benchmark(config, image_list, source.size)
    else:
        data = open_data(config, image_list, source.size, _training_options(source))
    _make_folder(source.out_dir(image_list))
    if config.data_path is None and image_list.dataset in BUILTIN:
        remark = builtin_remark(image_list.dataset, _training_options(source))
        console.print(remark, style="yellow", highlight=False, soft_wrap=True)
    if mode is None:
        _predict_only(source, data, console)
        return None
    if is_submission:
        _submit(source, data, mode, console)
        return None
    return _score(config, source, data, mode, console)


def _training_options(source: PredictionSource) -> Mapping[str, Any]:
    """Of the checkpoint; of a file of predictions those that its sidecar tells."""
    return (source.facts.get("checkpoint") or (source.facts.get("predictions") or {}).get("checkpoint") or {}).get(
        "config", {}
    )


def _make_folder(folder: Path) -> None:
    """Said before the work starts: that its results cannot be kept."""
    with _kept_in(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"Results cannot be written to {folder} ({error.strerror}): give --eval_out_dir.") from error


def _predict_only(source: PredictionSource, data: EvaluationData, console: Console) -> None:
    for _ in track(source.stream(data), "predicting", len(data.names), console=console):
        pass
    console.print(f"predictions are in {source.out_dir(data.image_list)}", highlight=False, soft_wrap=True)


def _submit(source: PredictionSource, data: EvaluationData, mode: ScoringMode, console: Console) -> None:
    folder = source.out_dir(data.image_list) / "benchmark_predictions"
    stream = track(source.stream(data), "predicting", len(data.names), console=console)
    with _kept_in(folder):
        written = write_submission(stream, mode, folder)
    text = f"{written} depth maps for the server are in {folder} ({mode.scale_source})"
    console.print(text, highlight=False, soft_wrap=True)


def _score(
    config: EvaluateConfig, source: PredictionSource, data: EvaluationData, mode: ScoringMode, console: Console
) -> EvaluationResult:
    protocol = data.image_list.protocol
    accumulator = ScoreAccumulator(protocol, mode, keep_ground_truth=True, extras=config.extras)
    triples = zip(source.stream(data), data.ground_truths(config.num_workers), data.names, strict=True)
    placed = (accumulator.place(*triple, data.camera(index)) for index, triple in enumerate(triples))
    scored = in_threads(accumulator.score, placed, threads=SCORERS, ahead=2 * SCORERS)
    for image in track(scored, "evaluating", len(data.names), console=console):
        accumulator.take(image)
    result = accumulator.result()
    if len(result.rows) != len(data.names):
        raise AssertionError(f"{len(data.names)} images went in, {len(result.rows)} rows came out")
    baseline = constant_baseline(accumulator.valid_depths, protocol)
    out_dir = source.out_dir(data.image_list)
    leak = leak_of(_training_options(source), data.image_list.split)
    facts = {**data.facts, **source.facts, "post_process": config.post_process, "leak": leak}
    with _kept_in(out_dir):
        write_per_image(result, out_dir / "per_image.csv")
        write_summary(summarise(result, baseline, facts), out_dir / "summary.json")
    print_result(result, baseline, console)
    if leak:
        console.print(f"warning: {leak}", style="yellow", highlight=False, soft_wrap=True)
    for reason, count in data.facts["data"]["left_out"].items():
        console.print(f"{count} listed images left out: {reason}", highlight=False, soft_wrap=True)
    console.print(f"per_image.csv and summary.json are in {out_dir}", highlight=False, soft_wrap=True)
    return result
