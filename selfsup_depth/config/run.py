"""Where a run lives and what it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfsup_depth.config.wording import default_of
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class RunConfig:
    """Where a run lives and what it starts from."""

    log_dir: Path = Path("runs")
    """Folder of all runs."""
    model_name: str = "mdp"
    """Name of this run: everything it writes is under log_dir/model_name."""
    method: str = "monodepth2"
    """What is trained: monodepth2 (with --distill as DistDepth)."""
    seed: int = 0
    """Seed of the weights, the order of the samples and their augmentation."""
    no_cuda: bool = False
    """Train on the CPU even where there is a GPU."""
    resume: bool = False
    """Go on with the run of this name from its last checkpoint, to the same numbers."""
    load_weights_folder: Path | None = None
    """Checkpoint folder to start from: ours, Monodepth2's or DistDepth's. None: start from --weights_init."""
    weights_format: Literal["selfsup_depth", "monodepth2", "distdepth"] | None = None
    """What wrote that folder, where it does not say so itself. None: found out from its files."""
    models_to_load: tuple[str, ...] = ("encoder", "depth", "pose_encoder", "pose")
    """Which networks of that folder to take: encoder, depth, pose_encoder, pose, intrinsics,
    predictive_mask."""
    log_frequency: int = 250
    """Steps between pictures in the log, the first 2000 steps; eight times as many later."""
    save_frequency: int = 1
    """Epochs between the weights_N folders that are kept for good; the last and the best always are."""
    save_steps: int = 0
    """Also save the last state every this many steps; 0: at the end of epochs only."""
    skip_checks: bool = False
    """Do not look at the data for a second before training (check_data.py looks at more, and says more)."""

    def __post_init__(self) -> None:
        for name in ("log_frequency", "save_frequency"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, found {getattr(self, name)}{default_of(self, name)}")
        for name in ("seed", "save_steps"):
            if getattr(self, name) < 0:
                raise UserError(f"--{name} must be 0 or more, found {getattr(self, name)}{default_of(self, name)}")
        if not self.model_name or "/" in self.model_name or self.model_name in (".", ".."):
            raise UserError(
                f"--model_name must be a plain folder name, found '{self.model_name}': give where it lies as --log_dir"
            )
