"""Names a training that goes wrong while it goes wrong (users.md, row 5).

Each check looks at averages of what methods report in `Losses.health`; a finding says what was
seen, the likely cause and what to do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from selfsup_depth.structures import Losses

#: Steps before the first look (an untrained network is allowed to be flat), and between looks.
FIRST_LOOK, WINDOW = 200, 100
#: A run that ends before the first look is looked at when it ends, if it had this many steps.
SHORTEST = 50


@dataclass(frozen=True)
class Check:
    name: str
    needs: tuple[str, ...]
    is_bad: Callable[[dict[str, float]], bool]
    sentence: str


CHECKS = (
    Check(
        "collapsed",
        ("disparity_variation",),
        lambda seen: seen["disparity_variation"] < 0.02,
        "the predicted depth is the same everywhere (disparity varies by {disparity_variation:.2%} within an "
        "image): the images may not move between frames, or the intrinsics or the stereo sides are wrong",
    ),
    Check(
        "auto_masked",
        ("auto_masked",),
        lambda seen: seen["auto_masked"] > 0.95,
        "{auto_masked:.0%} of the pixels look best without any warping and teach nothing: are the frames "
        "static or duplicated, is the frame step too small, or are left and right swapped?",
    ),
    Check(
        "warp_no_better",
        ("warp_error", "identity_error"),
        lambda seen: seen["warp_error"] > 1.2 * seen["identity_error"],
        "warped sources match the target worse ({warp_error:.3f}) than unwarped ones ({identity_error:.3f}): "
        "check whether left and right are swapped, or the sign of the baseline, the intrinsics and the order of "
        "the frames",
    ),
    Check(
        "no_motion",
        ("translation",),
        lambda seen: seen["translation"] < 1e-4,
        "the pose network sees no camera motion (translation {translation:.1e}): are the frames static, or "
        "does the camera only rotate? Drop static frames or take frames farther apart",
    ),
    Check(
        "range_saturated",
        ("range_saturation",),
        lambda seen: seen["range_saturation"] > 0.5,
        "{range_saturation:.0%} of the pixels sit at the end of the depth range: "
        "check --min_depth and --max_depth, the intrinsics and the baseline",
    ),
    Check(
        "teacher_skipped",
        ("teacher_skipped",),
        lambda seen: seen["teacher_skipped"] > 0.1,
        "the teacher could not be aligned with {teacher_skipped:.0%} of the images, which learn from the sources "
        "alone: its maps are constant there, without known pixels, or far is near: is it the right teacher?",
    ),
)


@dataclass(frozen=True)
class Finding:
    check: str  # the name of a Check
    sentence: str


class HealthMonitor:
    """Averages `Losses.health` over windows of steps and reports each kind of trouble once."""

    def __init__(self, checks: tuple[Check, ...] = CHECKS) -> None:
        self.checks = checks
        self._kept: deque[dict[str, Tensor]] = deque(maxlen=WINDOW)
        self._since_look = 0
        self._has_looked = False
        self._said: set[str] = set()

    def watch(self, step: int, losses: Losses) -> list[Finding]:
        """Troubles first seen at this step; empty most of the time."""
        self._kept.append(losses.health)
        self._since_look += 1
        return self._look(step) if step >= FIRST_LOOK and self._since_look >= WINDOW else []

    def finish(self, step: int) -> list[Finding]:
        """At the end of a run: what a look would have found, if there was none and enough was seen for one."""
        return [] if self._has_looked or len(self._kept) < SHORTEST else self._look(step)

    def _look(self, step: int) -> list[Finding]:
        self._since_look, self._has_looked = 0, True
        names = set.intersection(*(set(entry) for entry in self._kept))
        seen = {name: float(torch.stack([entry[name] for entry in self._kept]).mean()) for name in names}
        found = []
        for check in self.checks:
            if check.name not in self._said and set(check.needs) <= names and check.is_bad(seen):
                self._said.add(check.name)
                found.append(Finding(check.name, f"step {step}: {check.sentence.format(**seen)}"))
        return found
