"""Which frames of data without a validation list are held out: the last tenth, kept apart in time."""

from __future__ import annotations

from collections.abc import Iterable

HELD_OUT = "held out for validation"
Frame = tuple[str, int]  # scene, number


def hold_out_the_last(frames: Iterable[Frame], reach: int) -> tuple[set[Frame], set[Frame]]:
    """Frames to train on and frames held out: whole scenes in their order, or the end of the only one.

    `reach` is the furthest neighbour in time that a sample looks at. No image of the held-out end is looked at by
    training: the `2 * reach` frames before it belong to neither.
    """
    ordered = list(dict.fromkeys(frames))
    scenes = list(dict.fromkeys(scene for scene, _ in ordered))
    if len(scenes) > 1:
        held = set(scenes[-_tenth(len(scenes)) :])
        return {frame for frame in ordered if frame[0] not in held}, {frame for frame in ordered if frame[0] in held}
    ordered.sort()
    first_held = len(ordered) - _tenth(len(ordered))
    return set(ordered[: max(first_held - 2 * reach, 0)]), set(ordered[first_held:])


def _tenth(count: int) -> int:
    return max(1, round(0.1 * count)) if count > 1 else 0
