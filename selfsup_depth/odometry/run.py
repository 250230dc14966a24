"""From a checkpoint and a sequence to trajectories, their scores and files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch.utils.data import DataLoader

from selfsup_depth.datasets import ViewDataset
from selfsup_depth.errors import UserError
from selfsup_depth.odometry.config import PoseConfig
from selfsup_depth.odometry.data import (
    FramesTogether,
    Walk,
    frame_names,
    open_frames,
    times_of,
    true_poses,
    walks_of,
)
from selfsup_depth.odometry.errors import (
    Alignment,
    DriftError,
    SnippetError,
    absolute_error,
    aligned,
    kitti_drift,
    snippet_ate_of_poses,
)
from selfsup_depth.odometry.motion import MotionPredictor
from selfsup_depth.odometry.trajectory import Poses, Trajectory, chain, write_kitti, write_tum
from selfsup_depth.report.trajectories import save_trajectory_plot
from selfsup_depth.workers import begin_worker

#: The options with frames that can be read at a size (height, width), where they name something else: a video.
AtHand = Callable[[PoseConfig, tuple[int, int]], PoseConfig]
ALIGNMENTS: tuple[Alignment, ...] = ("none", "scale", "se3", "sim3")


@dataclass(frozen=True)
class Score:
    """One sequence against its true poses."""

    frames: int
    length_m: float
    snippets: SnippetError
    drift: DriftError
    drift_alignment: Alignment
    absolute_m: dict[str, float]  # alignment -> root mean square distance


def run_odometry(config: PoseConfig, console: Console, at_hand: AtHand) -> dict[str, Score]:
    """Predict, score and write; scores by sequence, where there are true poses.

    Raises UserError for a checkpoint without pose network, and for data without consecutive frames.
    """
    device = torch.device("cpu" if config.no_cuda or not torch.cuda.is_available() else "cuda")
    predictor = MotionPredictor.load(config.load_weights_folder, device, config.weights_format)
    size = (predictor.meta.height, predictor.meta.width)
    dataset = open_frames(at_hand(config, size), predictor.frames, size)
    walks = walks_of(dataset)
    motions = predict_motions(predictor, dataset, config)
    folder = config.eval_out_dir or _beside(config.load_weights_folder)
    _make(folder)
    scores: dict[str, Score] = {}
    for walk in walks:
        poses = chain(motions[list(walk.indices)])
        truth = true_poses(dataset, walk)
        comparable = predictor.metric and not dataset.source.poses_up_to_scale
        alignment: Alignment = config.alignment if config.alignment != "auto" else _usual(comparable)
        own = Trajectory(walk.name, poses, frame_names(walk), times_of(dataset, walk))
        _write(folder, own, truth, alignment, predictor.metric)
        if truth is not None:
            scores[walk.name] = score(poses, truth, alignment)
    _report(console, predictor, walks, scores, folder)
    if scores and dataset.source.poses_up_to_scale:
        console.print(
            "the true poses are up to scale: every m above is a unit of theirs, and drift over 100 to 800 of them "
            "means nothing",
            highlight=False,
        )
    facts = {
        "checkpoint": str(config.load_weights_folder),
        "unit": "metres" if predictor.metric else "relative (up to scale)",
        "sequences": {name: asdict(result) for name, result in scores.items()},
    }
    (folder / "odometry.json").write_text(json.dumps(facts, indent=2) + "\n")
    return scores


def predict_motions(predictor: MotionPredictor, dataset: ViewDataset, config: PoseConfig) -> Poses:
    """[N, 4, 4] float64 next_T_this of every item of the data set."""
    loader = DataLoader(
        FramesTogether(dataset),
        batch_size=config.batch_size,
        num_workers=min(config.num_workers, os.cpu_count() or 1),
        worker_init_fn=begin_worker,
    )
    found = []
    for images in track(loader, description="predicting motion"):
        those = {frame: images[:, place].float() / 255 for place, frame in enumerate(predictor.frames)}
        found.append(predictor.next_T_this(those).cpu())
    return torch.cat(found).numpy().astype(np.float64)


def score(predicted: Poses, truth: Poses, alignment: Alignment) -> Score:
    """All errors of one sequence; [N, 4, 4] world_T_camera each."""
    return Score(
        frames=len(truth),
        length_m=float(np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1).sum()),
        snippets=snippet_ate_of_poses(predicted, truth),
        drift=kitti_drift(aligned(predicted, truth, alignment), truth),
        drift_alignment=alignment,
        absolute_m={name: absolute_error(predicted, truth, name) for name in ALIGNMENTS},
    )


def _usual(metric: bool) -> Alignment:
    return "none" if metric else "sim3"


def _beside(checkpoint: Path) -> Path:
    return checkpoint.parent / f"{checkpoint.name}_odometry"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--eval_out_dir {folder} cannot be made ({error.strerror}): give a folder that can be written."
        ) from error


def _write(
    folder: Path, own: Trajectory, truth: Poses | None, alignment: Alignment, metric: bool
) -> None:
    """NAME.txt (KITTI), NAME_tum.txt, NAME.png; the world of what is written is the first camera."""
    write_kitti(folder / f"{own.name}.txt", own)
    write_tum(folder / f"{own.name}_tum.txt", own)
    paths, unit = {"predicted": own.positions}, "metres" if metric else "up to scale"
    if truth is not None:
        from_start = np.linalg.inv(truth[0])
        true = replace(own, world_T_camera=from_start @ truth)
        write_kitti(folder / f"{own.name}_true.txt", true)
        shown = from_start @ aligned(own.world_T_camera, truth, alignment)
        paths = {f"predicted ({_named(alignment)})": shown[:, :3, 3], "true": true.positions}
        unit = "metres"
    save_trajectory_plot(folder / f"{own.name}.png", own.name, paths, unit)


def _named(alignment: Alignment) -> str:
    return "as it is" if alignment == "none" else f"after {alignment} alignment"


def _report(
    console: Console, predictor: MotionPredictor, walks: list[Walk], scores: dict[str, Score], folder: Path
) -> None:
    unit = "metres" if predictor.metric else "relative (up to scale)"
    frames = sum(len(walk.views) for walk in walks)
    told = f"{len(walks)} trajectories of {frames} frames in {folder}; unit: {unit}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    if not scores:
        console.print("no true poses in this data: nothing is scored", highlight=False)
        return
    console.print(_table(scores))
    alignment = _named(next(iter(scores.values())).drift_alignment)
    console.print(
        "5-frame ATE: as published, each snippet scaled. t_err, r_err: KITTI's drift over 100 to 800 m, trajectory "
        f"{alignment}. ATE: root mean square over the whole trajectory, by alignment.",
        highlight=False,
    )


def _table(scores: dict[str, Score]) -> Table:
    table = Table("sequence", "frames", "length (m)", "5-frame ATE (m)", "t_err (%)", "r_err (deg/100 m)")
    for alignment in ALIGNMENTS:
        table.add_column(f"ATE {alignment} (m)", justify="right")
    for name, result in scores.items():
        drift = result.drift
        table.add_row(
            name,
            str(result.frames),
            f"{result.length_m:.1f}",
            f"{result.snippets.mean:.4f} ± {result.snippets.std:.4f}",
            "too short" if drift.translation_percent is None else f"{drift.translation_percent:.2f}",
            "too short" if drift.rotation_deg_per_100m is None else f"{drift.rotation_deg_per_100m:.2f}",
            *(f"{result.absolute_m[alignment]:.3f}" for alignment in ALIGNMENTS),
        )
    return table
