"""Which frames of a drive are held out for validation.

The published validation lists of KITTI are random draws of single images, whose neighbours in time and
opposite cameras are trained on, so they measure memory. Ours are contiguous blocks of a drive, the same
blocks in every list, for both cameras:

1. Take the drive's moving frames, in order; a drive with fewer than `SHORTEST_DRIVE` stays in training.
2. Cut them into equal segments of about `SEGMENT` frames.
3. Of each segment hold out the middle tenth. The `GUARD` moving frames on either side belong to neither
   training nor validation, and nor does what lies between them.

Counting moving frames means that a standstill does not bring the two sides of a border together again:
the image after a red light is the image before it.
"""

from __future__ import annotations

from dataclasses import dataclass

SEGMENT = 500  # 50 s, so a block lasts 5 s and the guards cost 1.6 % of the frames
SHARE = 10  # one in ten is held out
SHORTEST_DRIVE = 100
GUARD = 4  # two 5-frame windows (-2 .. 2), one on either side of the guard, share no image


@dataclass(frozen=True)
class HeldOut:
    """Frames of one drive that are not for training."""

    val: frozenset[int] = frozenset()
    guard: frozenset[int] = frozenset()  # disjoint from val

    def part(self, frame: int) -> str:
        """Whether the frame is for "train", for "val", or in the "guard" between them."""
        if frame in self.val:
            return "val"
        return "guard" if frame in self.guard else "train"

    def shifted(self, by: int) -> HeldOut:
        """The same frames when the drive is renumbered: frame n becomes n + by."""
        return HeldOut(frozenset(n + by for n in self.val), frozenset(n + by for n in self.guard))


def hold_out(frame_count: int, static: frozenset[int]) -> HeldOut:
    """Blocks of a drive with frames 0 .. frame_count - 1, of which `static` show no motion."""
    moving = [n for n in range(frame_count) if n not in static]
    if len(moving) < SHORTEST_DRIVE:
        return HeldOut()
    segments = max(1, (len(moving) + SEGMENT // 2) // SEGMENT)
    val: set[int] = set()
    guard: set[int] = set()
    for k in range(segments):
        start, end = k * len(moving) // segments, (k + 1) * len(moving) // segments
        length = (end - start + SHARE // 2) // SHARE
        first = start + (end - start - length) // 2
        last = first + length - 1
        val.update(range(moving[first], moving[last] + 1))
        guard.update(range(moving[first - GUARD], moving[last + GUARD] + 1))
    return HeldOut(frozenset(val), frozenset(guard - val))
