"""A finished run as a report: which parts, in which order, with which words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from selfsup_depth import __version__, cli
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.config import TrainConfig
from selfsup_depth.errors import UserError
from selfsup_depth.outcome.auto_masks import AutoMasks, whole_method
from selfsup_depth.outcome.curves import curves
from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.outcome.judging import device_name
from selfsup_depth.outcome.looks import Looks, choose, example, spread
from selfsup_depth.outcome.spatial import clouds
from selfsup_depth.outcome.tables import has_metres, headline_column, image_table, score_tables
from selfsup_depth.report.content import Comparison, Gallery, Report

Summary = Mapping[str, Any]
EACH = 3  # images of either kind
NO_TRUTH = (
    "The validation data has no ground-truth depth, so there are no depth scores: what is said of this run is its "
    "training loss on images it was not trained on."
)


def gather(
    run: FinishedRun,
    looks: Looks,
    summary: Summary,
    *,
    frames: Sequence[str] = (),
    comparison: Comparison | None = None,
) -> Report:
    """Everything that the page of a run shows.

    Args:
        summary: of the run's scores (`judging.judge`); empty without ground truth.
        frames: names of the images shown in space; none: the best and the worst, or the first and the last.

    Raises:
        UserError: for a frame that is no validation image.
    """
    unknown = [name for name in frames if name not in looks.index]
    if unknown:
        raise UserError(
            f"--frames {unknown[0]} is no validation image of {run.folder}: give names as they stand in the report's "
            f"table, for example {next(iter(looks.index))!r}."
        )
    method = whole_method(run, looks.predictor.device)
    masks = AutoMasks(run, method, looks.dataset)
    galleries, in_space = _galleries(looks, masks)
    return Report(
        title=run.name if comparison is None else " against ".join(comparison.names),
        subtitle=_subtitle(looks) if comparison is None else f"{comparison.names[0]}: {_subtitle(looks)}",
        facts=_facts(looks, summary),
        warnings=(*run.findings, *(() if summary else (NO_TRUTH,))),
        comparison=comparison,
        tables=score_tables(summary) if summary else (),
        galleries=galleries,
        clouds=tuple(clouds(looks, list(frames) or in_space, method)),
        clouds_note=f"Depth in {looks.unit}; points at depth edges of the prediction are left out.",
        charts=curves(run.log, length=_lengths(looks)),
        images=image_table(summary) if summary else None,
        details=_details(run, looks, summary),
        options=_options(run.config),
    )


def _lengths(looks: Looks) -> str:
    """What lengths of the true depth are in."""
    return "metres" if looks.protocol is None or looks.protocol.metric else "units of the true depth"


def _galleries(looks: Looks, masks: AutoMasks) -> tuple[tuple[Gallery, ...], list[str]]:
    """Pictures, and the names of the images worth a look in space."""
    note = f"Depths in {looks.unit}. "
    if masks.why_none:
        note += f"No auto-mask: {masks.why_none}."
    else:
        note += "Dark in the auto-mask: what looks the same without motion or is in no other frame; it teaches nothing."
    if not looks.rows:
        names = spread(list(looks.index), 2 * EACH)
        gallery = Gallery("Some validation images", tuple(example(looks, masks, name) for name in names), note)
        return (gallery,), spread(names, 3)
    best, worst = choose(looks, EACH)
    found = [
        Gallery(title, tuple(example(looks, masks, name) for name in names), note)
        for title, names in (("Best", best), ("Worst", worst))
        if names
    ]
    return tuple(found), [*best[:1], *worst[:1]]


def _subtitle(looks: Looks) -> str:
    meta = looks.predictor.meta
    method = f"{meta.method}, {meta.encoder}, {meta.width}x{meta.height}"
    return f"{method}, trained on {looks.dataset.name_of_dataset} with frames {words(meta.frame_ids)}"


def _facts(looks: Looks, summary: Summary) -> tuple[tuple[str, str], ...]:
    unit = "metres" if looks.predictor.metric else "relative"
    if not summary:
        score = looks.predictor.meta.score or {}
        loss = [("training loss on validation images", f"{score['loss']:.4f}")] if "loss" in score else []
        return (*loss, ("unit of depth", unit), ("validation images", str(len(looks.index))))
    headline, ends = summary["headline"], summary["intervals"][headline_column(summary)]["abs_rel"]
    baseline = summary["baseline_constant_depth"][headline_column(summary)]
    return (
        (f"abs_rel, {headline['column']} (95 %: {ends[0]:.3f} to {ends[1]:.3f})", f"{headline['abs_rel']:.3f}"),
        ("of pixels within 25 %", f"{100 * headline['a1']:.1f} %"),
        (f"rmse, {looks.truth_unit}", f"{headline['rmse']:.{2 if has_metres(summary) else 4}f}"),
        ("abs_rel without looking", f"{baseline['abs_rel']:.3f}"),
        ("unit of depth", unit),
        ("validation images", str(summary["counts"]["images"])),
    )


def _details(run: FinishedRun, looks: Looks, summary: Summary) -> tuple[tuple[str, str], ...]:
    meta = looks.predictor.meta
    found = [
        ("command", command_of(run.config)),
        ("checkpoint", f"{run.best}, after {meta.epoch} epochs, {meta.step} steps"),
        ("chosen by", _chosen_by(meta)),
        ("unit of depth", f"{'metres' if meta.metric else 'relative'} ({meta.scale_source})"),
    ]
    if summary:
        found.append(("scale of scores", str(summary["unaligned_note"])))
        ratio = summary["ratio"]
        spread_of_ratio = f"median {ratio['median']:.3f}, std of ratio / median {ratio['relative_std']:.3f}"
        found.append(("truth / prediction", spread_of_ratio))
    return (
        *found,
        *([("trained on", run.trained_on)] if run.trained_on else []),
        ("scored on", device_name(looks.predictor.device)),
        ("library", f"selfsup_depth {meta.library_version}, report by {__version__}"),
    )


def _chosen_by(meta: CheckpointMeta) -> str:
    score = "loss" if meta.score and "loss" in meta.score else "abs_rel"
    return f"the smallest {score} of all epochs ({meta.protocol})"


def command_of(config: TrainConfig) -> str:
    """The command that repeats the run: its options that differ from the defaults."""
    usual, parts = cli.as_flat_dict(TrainConfig()), ["python", "train.py"]
    for name, value in cli.as_flat_dict(config).items():
        if value is not None and value != usual[name]:
            entries = value if isinstance(value, list) else [] if value is True else [value]
            parts += [f"--{name}", *(words(entry) for entry in entries)]  # a value with blanks is one word
    return shlex.join(parts)


def _options(config: TrainConfig) -> tuple[tuple[str, str, bool], ...]:
    usual = cli.as_flat_dict(TrainConfig())
    options = cli.as_flat_dict(config)
    return tuple((name, words(value), value != usual[name]) for name, value in options.items() if value is not None)


def words(value: Any) -> str:
    """An option's value as it is typed."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
