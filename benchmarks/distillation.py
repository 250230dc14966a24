"""What a teacher gives: the built-in rooms trained with distillation and without, same budget and seeds.

    python -m benchmarks.distillation [--seeds 0 1 2] [options of train.py]

The teacher is `true_depth`: the rooms' own depth as a disparity of unknown scale and shift, which is the best a
relative teacher can say. Both students are scored after their last step, in metres without alignment, on frames that
neither saw: abs_rel, a1, and how well depth edges are placed. Writes a table and a page of pictures.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import train
from selfsup_depth import beginning
from selfsup_depth.assembly import build_validation_set
from selfsup_depth.evaluation.edges import depth_edges
from selfsup_depth.evaluation.extras import ExtraSettings
from selfsup_depth.evaluation.protocols import PROTOCOLS
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.pictures import colour_depth, resize_map
from selfsup_depth.tutors import Question, TrueDepthTutor

#: The teacher waits a quarter of the training and has its full weight from the middle on.
TAUGHT = ["--distill", "true_depth", "--teacher_cache", "runs/distillation_teacher", "--distill_warmup", "81"]
VARIANTS = {"without": [], "with": TAUGHT}
DATA = ["--dataset", "builtin_indoor", "--frame_ids", "0", "--use_stereo"]
PICTURE = Path("runs/distillation.png")
SHOWN = 3  # rows of the picture


@dataclass(frozen=True)
class Score:
    abs_rel: float
    a1: float
    edge_accuracy: float  # pixels
    edge_completeness: float  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds, options = parser.parse_known_args()
    table = Table("seed", "distillation", "abs_rel", "a1", "edge accuracy (px)", "edge completeness (px)")
    scores: dict[str, list[Score]] = {name: [] for name in VARIANTS}
    for seed in seeds.seeds:
        for name, extra in VARIANTS.items():
            given = [*DATA, *extra, *options, "--seed", str(seed), "--model_name", run_name(seed, name)]
            train.main(given)
            score = judge(seed, name, given)
            scores[name].append(score)
            table.add_row(str(seed), name, f"{score.abs_rel:.4f}", f"{score.a1:.4f}",
                          f"{score.edge_accuracy:.3f}", f"{score.edge_completeness:.3f}")  # fmt: skip
    console = Console()
    console.print(table)
    for measure in ("abs_rel", "edge_accuracy", "edge_completeness"):
        pairs = zip(scores["with"], scores["without"], strict=True)
        better = sum(getattr(taught, measure) < getattr(alone, measure) for taught, alone in pairs)
        console.print(f"{measure}: better with distillation in {better} of {len(seeds.seeds)} seeds")
    save_pictures(seeds.seeds[0], [*DATA, *options])
    console.print(f"picture: {PICTURE}")


def run_name(seed: int, variant: str) -> str:
    return f"distillation_{variant}_{seed}"


def predictor_of(seed: int, variant: str) -> DepthPredictor:
    """The student after its last step: the best epoch would be chosen by the frames that are scored."""
    return DepthPredictor.load(Path("runs") / run_name(seed, variant) / "models" / "last")


def judge(seed: int, variant: str, options: list[str]) -> Score:
    config = beginning.read_config(options)
    held_out = ValidationSet(build_validation_set(config), batch_size=8, num_workers=0)
    predictor = predictor_of(seed, variant)
    result, _ = validate_depth(
        predictor.method, held_out, PROTOCOLS["indoor"], predictor.device, extras=ExtraSettings(("edges",))
    )
    extras = [row.extras.values for row in result.rows if "edge_acc" in row.extras.values]
    return Score(
        result.headline.abs_rel,
        result.headline.a1,
        float(np.mean([values["edge_acc"] for values in extras])),
        float(np.mean([values["edge_comp"] for values in extras])),
    )


def save_pictures(seed: int, options: list[str]) -> None:
    """Image, truth, teacher, both students, their errors and their depth edges, a row each for a few frames."""
    dataset = build_validation_set(beginning.read_config(options))
    titles = ("image", "true depth", "teacher (disparity)", "without", "with distillation",
              "error without", "error with", "edges: true", "edges without", "edges with")  # fmt: skip
    figure = Figure(figsize=(2.2 * len(titles), 2.4 * SHOWN), layout="constrained")
    axes = figure.subplots(SHOWN, len(titles), squeeze=False)
    for row, index in zip(axes, np.linspace(0, len(dataset) - 1, SHOWN).round().astype(int).tolist(), strict=True):
        for axis, picture, title in zip(row, pictures_of(dataset, index, seed), titles, strict=True):
            kind = {"cmap": "viridis", "vmin": 0, "vmax": 0.5} if title.startswith("error") else {"cmap": "gray"}
            axis.imshow(picture, **kind)
            axis.set_title(title, fontsize=8)
            axis.set_axis_off()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=70)


def pictures_of(dataset, index: int, seed: int) -> list[np.ndarray]:  # noqa: ANN001 (a ViewDataset)
    image, truth = dataset.image(index).float()[None] / 255, dataset.depth(index)
    valid = truth > 0
    told = TrueDepthTutor()(Question(image, [dataset.name(index)], [torch.from_numpy(truth)[None]]))[0, 0].numpy()
    students = []
    for variant in VARIANTS:
        depth = predictor_of(seed, variant).predict(image).depth[0, 0].cpu().numpy()
        students.append(resize_map(depth, *truth.shape))
    errors = [np.where(valid, np.abs(student - truth) / np.maximum(truth, 1e-6), 0) for student in students]
    edges = [~depth_edges(depth, valid) for depth in (truth, *students)]
    shown = F.interpolate(image, truth.shape)[0].permute(1, 2, 0).numpy()
    teacher = colour_depth(np.where(np.isfinite(told) & (told > 0), 1 / np.maximum(told, 1e-6), 0))
    return [shown, colour_depth(truth), teacher, *map(colour_depth, students), *errors, *edges]


if __name__ == "__main__":
    main()
