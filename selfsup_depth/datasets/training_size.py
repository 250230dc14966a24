"""Recorded images at a training size of another shape: everything in them is then too wide or too high."""

from __future__ import annotations

import math

Size = tuple[int, int]  # width, height

#: At 640x192 KITTI's 1242x375 is 1.006 times too wide, 16:9 1.9, 4:3 2.5, a phone held upright 5.9. Geometry stands it
#: all, but detail is lost in one direction alone, and pretrained encoders know things in their true shape.
MOST_STRETCHED = 2.0
STEP, SMALLEST = 32, 64  # of --height and --width
LARGEST_SIDE = 4096
#: How much a fitting size may rather miss the number of pixels than the shape.
AREA_WEIGHT = 0.25


def stretch(recorded: Size, training: Size) -> float:
    """How many times too wide everything is; below 1: too high."""
    return (training[0] / training[1]) / (recorded[0] / recorded[1])


def is_squeezed(recorded: Size, training: Size) -> bool:
    """Whether everything is more than `MOST_STRETCHED` times too wide or too high."""
    return abs(math.log(stretch(recorded, training))) > math.log(MOST_STRETCHED)


def least_fitting(sizes: list[Size], training: Size) -> Size:
    """The one that a training size changes most."""
    return max(sizes, key=lambda size: abs(math.log(stretch(size, training))))


def fitting_size(recorded: Size, training: Size) -> Size:
    """The size of about as many pixels, in multiples of 32, whose shape is nearest to the recorded one."""
    found = []
    for width in range(SMALLEST, LARGEST_SIDE + 1, STEP):
        height = max(SMALLEST, STEP * round(width * recorded[1] / recorded[0] / STEP))
        shape = abs(math.log(stretch(recorded, (width, height))))
        area = abs(math.log(width * height / (training[0] * training[1])))
        found.append((shape + AREA_WEIGHT * area, (width, height)))
    return min(found)[1]


def squeeze_in_words(recorded: Size, training: Size) -> str:
    """What is wrong with a training size, and in `fitting_in_words` what to do."""
    times = stretch(recorded, training)
    direction = f"{times:.1f} times too wide" if times > 1 else f"{1 / times:.1f} times too high"
    return (
        f"images of {recorded[0]}x{recorded[1]} at --height {training[1]} --width {training[0]} show everything "
        f"{direction}"
    )


def fitting_in_words(recorded: Size, training: Size) -> str:
    width, height = fitting_size(recorded, training)
    return f"--height {height} --width {width} would keep their shape"
