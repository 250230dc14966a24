"""What a frozen teacher adds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from selfsup_depth.config.wording import default_of, they_are
from selfsup_depth.errors import UserError

#: Short side in pixels beyond which no teacher sees better: they were trained at 256 to 518.
LARGEST_TEACHER_SIZE = 2048


@dataclass(frozen=True)
class DistillConfig:
    """What a frozen teacher adds (DistDepth)."""

    distill: str | None = None
    """Teacher whose structure is distilled: dpt_hybrid, dpt_large, dpt_hybrid_nyu, dpt_hybrid_kitti, midas_v21,
    depth_anything_v2_small, ..., a weights file, a local folder or a hub name; true_depth is the data set's own
    depth up to scale and shift, for demos. None: no teacher."""
    teacher_cache: Path | None = None
    """Folder that keeps the teacher's maps: computed once, before the first epoch; later runs need no teacher. None:
    it runs at every step."""
    teacher_size: str = "trained"
    """Scale at which the teacher sees images: trained (its own), native (that of the input), or the short side in
    pixels, at most 2048."""
    teacher_precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the teacher; bf16 is much faster where the device computes it, and hardly changes a map."""
    distill_mode: Literal["ours", "paper", "repo"] = "ours"
    """Form and weights of the terms: ours, the paper's, or those of its repository (for comparison)."""
    dist_wt: float | None = None
    """Weight of the distillation. None: as --distill_mode has it (ours 0.2, paper 0.1, repo 0.05)."""
    dist_spatial_wt: float | None = None
    """Weight of the edge term inside it. None: as --distill_mode has it (ours 0.1, paper 0.1, repo 0.02)."""
    thre: float = 0.95
    """Quantile of the depth gradients above which a pixel is an edge."""
    distill_warmup: int | None = None
    """Steps that the student learns without the teacher, whose weight then grows from 0 over as many. None: as
    --distill_mode has it (ours 200, paper and repo 0)."""

    def __post_init__(self) -> None:
        for name in ("dist_wt", "dist_spatial_wt"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(
                    f"--{name} must be a finite number, 0 or more, found {value:g}: 0 leaves the term out, 0.1 is usual"
                )
        if not 0 < self.thre < 1:
            raise UserError(f"--thre is a quantile between 0 and 1, found {self.thre:g}{default_of(self, 'thre')}")
        if self.distill_warmup is not None and self.distill_warmup < 0:
            raise UserError(f"--distill_warmup must be 0 or more steps, found {self.distill_warmup}: 0 is no warm-up")
        if self.teacher_size not in ("trained", "native") and not self.teacher_size.isdecimal():
            raise UserError(
                f"--teacher_size is trained, native or a number of pixels, found '{self.teacher_size}'; try 384"
            )
        if self.teacher_size.isdecimal() and int(self.teacher_size) > LARGEST_TEACHER_SIZE:
            raise UserError(
                f"--teacher_size {self.teacher_size} is more than {LARGEST_TEACHER_SIZE} pixels: teachers were trained "
                "at 256 to 518, and the memory that they need grows with the fourth power of the side; try 384"
            )
        if self.distill is None:
            given = [f"--{f.name}" for f in fields(self) if getattr(self, f.name) != f.default]
            if given:
                raise UserError(f"{they_are(given)} about a teacher: name one with --distill, e.g. dpt_hybrid")
