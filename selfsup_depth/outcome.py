"""What a finished training shows: the table and the picture of its best checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch
from rich.console import Console

from selfsup_depth.checkpoints import find_checkpoint
from selfsup_depth.datasets import ViewDataset
from selfsup_depth.errors import UserError
from selfsup_depth.evaluation.baselines import constant_baseline
from selfsup_depth.evaluation.protocols import Protocol
from selfsup_depth.evaluation.reporting import print_result, summarise, write_summary
from selfsup_depth.evaluation.validation import ValidationSet, validate_depth
from selfsup_depth.predictor import DepthPredictor
from selfsup_depth.report.pictures import Example, save_examples

EXAMPLES = 4  # rows of the picture


def show_result(
    run_folder: Path, held_out: ValidationSet, protocol: Protocol | None, device: torch.device, console: Console
) -> None:
    """Print the table of the best checkpoint and write `validation.json` and `examples.png`.

    Raises UserError when no checkpoint was the best, because no score was a number.
    """
    best = find_checkpoint(run_folder / "models" / "best")
    if best is None:
        raise UserError(f"no epoch of {run_folder} had a finite validation score; see its metrics.jsonl")
    predictor = DepthPredictor.load(best, device)
    picture = run_folder / "examples.png"
    if protocol is not None:
        result, kept = validate_depth(predictor.method, held_out, protocol, device, keep_ground_truth=True)
        baseline = constant_baseline(kept.valid_depths, protocol)
        print_result(result, baseline, console)
        write_summary(summarise(result, baseline, {"checkpoint": str(best)}), run_folder / "validation.json")
    unit = "metres" if predictor.metric else "relative"
    save_examples(picture, examples(predictor, held_out.dataset), unit, protocol.max_depth if protocol else None)
    console.print(f"best checkpoint: {best}\npicture: {picture}", highlight=False)


def examples(predictor: DepthPredictor, dataset: ViewDataset) -> list[Example]:
    """A few items spread over a data set, predicted."""
    count = min(EXAMPLES, len(dataset))
    chosen = [round(i * (len(dataset) - 1) / max(count - 1, 1)) for i in range(count)]
    rows = []
    for index in chosen:
        image = dataset.image(index)[None].float() / 255
        depth = predictor.predict(image).depth[0, 0].cpu().numpy()
        rows.append(Example(dataset.name(index), image[0], depth, dataset.depth(index)))
    return rows
