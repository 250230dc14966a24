"""Which frames of data without a validation list are held out: about a tenth, kept apart in time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from selfsup_depth.errors import UserError
from selfsup_depth.structures import STEREO, FrameId

HELD_OUT = "held out for validation"
KEPT_APART = "next to frames held out for validation"
Frame = tuple[str, int]  # scene, number
#: Fewer scenes than this are divided inside, where they are long enough: one of them would be too much to hold out.
SCENES_TO_HOLD_OUT_OF = 10
#: A block is held out of about this many frames; at most so many blocks.
SEGMENT, MOST_BLOCKS = 100, 10
#: Scenes that have so much of their numbers in common may be cameras that recorded at the same time.
SAME_NUMBERS = 0.9
#: Scenes of so few frames share their numbers by chance: every name without a number is frame 0 of its own scene.
FEWEST_SHARED = 3


def hold_out(
    frames: Iterable[Frame], reach: int, incomplete: Collection[Frame] = ()
) -> tuple[set[Frame], set[Frame]]:
    """Frames to train on and frames held out: blocks spread over long scenes, so that validation sees all of them.

    With many scenes, or with short ones alone, as `hold_out_the_last`. `reach` is the furthest neighbour in time that a
    sample looks at: the `2 * reach` frames on either side of a block belong to neither, so that no image which a
    held-out sample looks at is looked at by training. The blocks do not depend on it: whoever opens the data with
    other neighbours finds the same frames held out.

    Of few scenes, those of nearly the same numbers are divided alike: they may be cameras that recorded at the same
    time, and one must not be trained on what another is validated on.

    `incomplete` frames, of a pair whose other side is missing, are not held out unless they are most of all: a camera
    that was stopped first would leave nothing but them at the end. They are trained on where nothing held out is near.

    Raises UserError when `reach` is so long that nothing is left between the blocks.
    """
    everything = list(dict.fromkeys(frames))
    ordered = [frame for frame in everything if frame not in incomplete]
    if 2 * len(ordered) < len(everything):
        ordered = everything
    group_of = _groups(everything)
    by_group: dict[str, list[int]] = {}
    for scene, number in ordered:
        by_group.setdefault(group_of[scene], []).append(number)
    moments = {group: sorted(set(numbers)) for group, numbers in by_group.items()}
    blocks = {group: min(len(numbers) // SEGMENT, MOST_BLOCKS) for group, numbers in moments.items()}
    scenes = {scene for scene, _ in ordered}
    if len(scenes) >= SCENES_TO_HOLD_OUT_OF or sum(blocks.values()) < 2:
        together = [(group_of[scene], number) for scene, number in ordered]
        kept, held_out = hold_out_the_last(together, reach)
    else:
        kept, held_out = _divided_inside(moments, blocks, reach)
    own_kept = {frame for frame in ordered if (group_of[frame[0]], frame[1]) in kept}
    own_held_out = {frame for frame in ordered if (group_of[frame[0]], frame[1]) in held_out}
    if len(ordered) < len(everything):
        grouped = {frame: (group_of[frame[0]], frame[1]) for frame in everything}
        taken = held_out | _next_to(held_out, set(grouped.values()), 2 * reach)
        whole = {group for group, _ in held_out} if len(moments) > 1 else set()  # nothing of these is trained on
        whole -= {group for group, _ in kept}
        spare = set(everything) - set(ordered)
        own_kept |= {frame for frame in spare if grouped[frame] not in taken and grouped[frame][0] not in whole}
    return own_kept - _next_to(own_held_out, everything, 2 * reach), own_held_out


def _groups(frames: Sequence[Frame]) -> dict[str, str]:
    """Scene -> the first scene that has nearly the same numbers; of many scenes each by itself."""
    numbers: dict[str, set[int]] = {}
    for scene, number in frames:
        numbers.setdefault(scene, set()).add(number)
    if len(numbers) >= SCENES_TO_HOLD_OUT_OF:
        return {scene: scene for scene in numbers}
    firsts: dict[str, str] = {}
    for scene, own in numbers.items():
        alike = (
            first
            for first in dict.fromkeys(firsts.values())
            if len(own & numbers[first]) >= max(SAME_NUMBERS * len(own | numbers[first]), FEWEST_SHARED)
        )
        firsts[scene] = next(alike, scene)
    return firsts


def _divided_inside(
    moments: Mapping[str, Sequence[int]], blocks: Mapping[str, int], reach: int
) -> tuple[set[Frame], set[Frame]]:
    kept: set[Frame] = set()
    held_out: set[Frame] = set()
    for scene, numbers in moments.items():
        spans = _blocks(len(numbers), blocks[scene])
        held_out |= {(scene, number) for first, last in spans for number in numbers[first:last]}
        apart = {i for first, last in spans for i in range(first - 2 * reach, last + 2 * reach)}
        kept |= {(scene, number) for i, number in enumerate(numbers) if i not in apart}
    if not kept:
        raise UserError(
            f"--frame_ids look {reach} frames away, which leaves nothing to train on between the frames that are held "
            f"out for validation of every {SEGMENT}: give nearer neighbours, or list both parts in train_files.txt "
            "and val_files.txt of a folder given as --split"
        )
    return kept, held_out


def _next_to(held_out: set[Frame], frames: Iterable[Frame], guard: int) -> set[Frame]:
    """Frames at most `guard` places from a held-out one of their scene: a camera that lacks frames has others there."""
    by_scene: dict[str, list[int]] = {}
    for scene, number in frames:
        by_scene.setdefault(scene, []).append(number)
    near: set[Frame] = set()
    for scene, numbers in by_scene.items():
        numbers.sort()
        held = [i for i, number in enumerate(numbers) if (scene, number) in held_out]
        places = {place for i in held for place in range(max(i - guard, 0), i + guard + 1)}
        near |= {(scene, numbers[place]) for place in places if place < len(numbers)}
    return near


def _blocks(frames: int, count: int) -> list[tuple[int, int]]:
    """First and one after the last of each block: a tenth in the middle of each of `count` equal segments."""
    starts = [round((block + 0.45) * frames / count) for block in range(count)]
    return [(first, first + round(0.1 * frames / count)) for first in starts]


def hold_out_the_last(frames: Iterable[Frame], reach: int) -> tuple[set[Frame], set[Frame]]:
    """Frames to train on and frames held out: whole scenes in their order, or the end of the only one.

    `reach` is the furthest neighbour in time that a sample looks at. No image of the held-out end is looked at by
    training: the `2 * reach` frames before it belong to neither. However short the end, it has one whole sample.
    """
    ordered = list(dict.fromkeys(frames))
    scenes = list(dict.fromkeys(scene for scene, _ in ordered))
    if len(scenes) > 1:
        held = set(scenes[-_tenth(len(scenes)) :])
        return {frame for frame in ordered if frame[0] not in held}, {frame for frame in ordered if frame[0] in held}
    ordered.sort()
    wanted = max(_tenth(len(ordered)), 1 + reach)
    first_held = max(len(ordered) - wanted, 1)  # one image alone is not divided
    return set(ordered[: max(first_held - 2 * reach, 0)]), set(ordered[first_held:])


def furthest_neighbour(frame_ids: Sequence[FrameId]) -> int:
    """How many frames before or after its target a sample looks at."""
    return max((abs(int(frame)) for frame in frame_ids if frame != STEREO), default=0)


def frames_left_out(frames: Sequence[Frame], kept: set[Frame], held_out: set[Frame]) -> Mapping[str, list[int]]:
    """What training leaves out: reason, in words that count frames -> indices into `frames`.

    A frame stands in `frames` once for each of its sides.
    """
    left_out = {}
    for reason, those in ((HELD_OUT, held_out), (KEPT_APART, set(frames) - kept - held_out)):
        indices = [index for index, frame in enumerate(frames) if frame in those]
        if not indices:
            continue
        if len(indices) > len(those):  # the count beside the reason is of images
            reason += f": {len(those)} frame{'s' if len(those) > 1 else ''}"
            reason += ", both sides" if len(indices) == 2 * len(those) else ""
        left_out[reason] = indices
    return left_out


def more_to_validate_on(reach: int, own_part: str = "") -> str:
    """What to do where the end that is held out, or what is left of the footage, has no whole sample.

    `own_part` names another way to give validation images, in words that end with a comma.
    """
    return (
        "without a validation list the last tenth of the scenes, or the end of the only one (of long ones blocks), is "
        f"held out: record more frames (of one scene at least {4 * reach + 2} in a row), {own_part}or list both parts "
        "in train_files.txt and val_files.txt of a folder given as --split"
    )


def _tenth(count: int) -> int:
    return max(1, round(0.1 * count)) if count > 1 else 0
