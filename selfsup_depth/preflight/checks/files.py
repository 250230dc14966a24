"""Image files: readable, of one kind and size, each there once, neither black nor white."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from selfsup_depth.datasets.images import read_image
from selfsup_depth.datasets.index import STEREO_MISSING
from selfsup_depth.datasets.training_size import (
    MOST_STRETCHED,
    fitting_in_words,
    is_squeezed,
    squeeze_in_words,
    stretch,
)
from selfsup_depth.errors import UserError
from selfsup_depth.preflight.drawing import named, stored_pictures, strip
from selfsup_depth.preflight.finding import Finding, Result, bad, good, not_looked
from selfsup_depth.preflight.footage import Footage
from selfsup_depth.preflight.views import Picture

NO_FILES = "the images are not in files of their own"
#: Grey levels (0 to 255) of all but 2 % of a picture: night scenes of KITTI keep some lamps above 60, fog and snow some
#: shadow below 200.
BLACK, WHITE = 24, 235
#: Part of a picture at the upper end of its range. KITTI's brightest sky is 0.21 of a picture.
BURNT_LEVEL, MOST_BURNT = 252, 0.5
#: Part of the images that show nothing: with more, a training learns from almost nothing.
HOPELESS = 0.5
#: Left without partner: a rig that drops a frame now and then loses 1 or 2 %.
MOST_WITHOUT_PARTNER = 0.05


def readable(footage: Footage) -> Result:
    """Every file has its end, and every sampled image can be decoded."""
    broken = dict(footage.unreadable)
    for file in footage.files.looked_at:
        if not file.is_complete and file.path not in broken and (why := _why_broken(file.path)):
            broken[file.path] = why
    broken = {path: why for path, why in broken.items() if "8 bits a channel" not in why and "an animation" not in why}
    seen = f"{len(footage.files.looked_at)} of {footage.files.of} files, {len(footage.pictures)} images decoded"
    if not broken:
        return good(seen)
    path, why = next(iter(broken.items()))
    return bad(
        seen,
        Finding(
            "readable", "error", len(broken), "files",
            "no file that cannot be read", f"{len(broken)} cannot be read, for example: {why}",
            "a copy that was interrupted, a full disk, or a file that is no image",
            f"copy {PurePath(path).name} again from the camera or delete it; a training would stop when it gets there",
        ),
    )  # fmt: skip


def _why_broken(path: str) -> str:
    """Why a file without a proper end cannot be decoded; empty when it can (some cameras append data of their own)."""
    try:
        read_image(path)
    except UserError as error:
        return str(error)
    return ""


def bit_depth(footage: Footage) -> Result:
    """8 bits a channel."""
    if not footage.files.of:
        return not_looked(NO_FILES)
    deep = [file for file in footage.files.looked_at if file.bits > 8]
    if not deep:
        return good("8 bits a channel")
    return bad(
        f"{len(deep)} of {len(footage.files.looked_at)} files have more than 8 bits",
        Finding(
            "bit_depth", "error", deep[0].bits, "bits a channel",
            "8-bit colour or grey images", f"{deep[0].path} has {deep[0].bits} bits a channel ({len(deep)} files)",
            "a depth map among the images, or raw images of an industrial or thermal camera",
            "move depth maps into their own folder; convert 16-bit images to 8 bits with one scale for all of them",
            stored_pictures([deep[0].path]),
        ),
    )  # fmt: skip


def animation(footage: Footage) -> Result:
    """One picture a file."""
    if not footage.files.of:
        return not_looked(NO_FILES)
    moving = [file for file in footage.files.looked_at if file.frames > 1]
    if not moving:
        return good("one picture a file")
    return bad(
        f"{len(moving)} of {len(footage.files.looked_at)} files hold several pictures",
        Finding(
            "animation", "error", moving[0].frames, "frames in a file",
            "one picture in each file", f"{moving[0].path} holds {moving[0].frames} ({len(moving)} files)",
            "an animated WebP, PNG or a multi-page TIFF", "store its frames as separate, numbered files",
            stored_pictures([moving[0].path]),
        ),
    )  # fmt: skip


def image_size(footage: Footage) -> Result:
    """One size; sizes of several recordings differ by a few pixels (KITTI: 1224x370 to 1242x376)."""
    sizes = Counter(file.size for file in footage.files.looked_at if file.size is not None)
    sizes = sizes or Counter(picture.stored_size for picture in footage.pictures)
    if not sizes:
        return not_looked("no image could be read")
    (width, height), usual = sizes.most_common(1)[0]
    odd = {size: count for size, count in sizes.items() if _is_another_shape(size, (width, height))}
    seen = ", ".join(f"{w}x{h}: {count}" for (w, h), count in sizes.most_common(4))
    if not odd:
        return good(seen)
    (w, h), count = max(odd.items(), key=lambda entry: entry[1])
    examples = [file.path for file in footage.files.looked_at if file.size == (w, h)]
    example = f", for example {examples[0]}" if examples else ""
    share = sum(odd.values()) / sum(sizes.values())
    return bad(
        seen,
        Finding(
            "image_size", "warning", 100 * share, "% of the images",
            f"images of one size ({width}x{height}: {usual})", f"{count} of {w}x{h}{example}",
            "images of several cameras, orientations or exports in one folder",
            "put images of another shape elsewhere; sizes of one shape may stay: each is resized with its camera",
            _of_each_size(footage, ((width, height), (w, h))),
        ),
    )  # fmt: skip


def _of_each_size(footage: Footage, sizes: Sequence[tuple[int, int]]) -> np.ndarray | None:
    found = [next((p for p in footage.pictures if p.stored_size == size), None) for size in sizes]
    shown = [named(f"{p.stored_size[0]}x{p.stored_size[1]}", p) for p in found if p is not None]
    return strip(shown) if shown else None


def _is_another_shape(size: tuple[int, int], usual: tuple[int, int]) -> bool:
    return any(abs(mine - theirs) > 0.05 * theirs for mine, theirs in zip(size, usual, strict=True))


def squeezed(footage: Footage) -> Result:
    """A training size of about the images' shape."""
    seen = [
        (picture, part.source.recorded_size or picture.stored_size, part.source.request)
        for part, reader in zip(footage.parts, footage.readers, strict=True)
        for picture in reader.pictures
    ]
    if not seen:
        return not_looked("no image could be read")
    sizes = [(recorded, (request.width, request.height)) for _, recorded, request in seen]
    worst = max(range(len(seen)), key=lambda index: abs(math.log(stretch(*sizes[index]))))
    recorded, training = sizes[worst]
    times = stretch(recorded, training)
    saw = f"{recorded[0]}x{recorded[1]} at {training[0]}x{training[1]}: {times:.2f} times as wide as high"
    if not is_squeezed(recorded, training):
        return good(saw)
    return bad(
        saw,
        Finding(
            "squeezed", "warning", times, "times as wide as high", f"at most {MOST_STRETCHED:g} times",
            squeeze_in_words(recorded, training),
            "a size for images of another shape; the default is KITTI's",
            f"choose a size of about their shape: {fitting_in_words(recorded, training)}",
            strip((named("as training sees it", seen[worst][0]),)),
        ),
    )  # fmt: skip


def duplicate_files(footage: Footage) -> Result:
    """No two files are equal, byte for byte; those that are broken or show nothing are others' business."""
    if not footage.files.of:
        return not_looked(NO_FILES)
    groups: dict[str, list[str]] = {}
    for file in footage.files.looked_at:
        if file.is_complete:
            groups.setdefault(file.fingerprint, []).append(file.path)
    blank = {picture.path for picture in footage.pictures if picture.is_blank}
    equal = [paths for paths in groups.values() if len(paths) > 1 and not blank & set(paths)]
    seen = f"{len(footage.files.looked_at)} of {footage.files.of} files"
    if not equal:
        return good(f"{seen}, no two of them equal")
    count = sum(len(paths) - 1 for paths in equal)
    share = count / len(footage.files.looked_at)
    return bad(
        seen,
        Finding(
            "duplicate_files", "warning", count, "files", "every image once",
            f"{count} files repeat another ({share:.1%}), for example {equal[0][0]} and {equal[0][1]}",
            "images copied twice under different names, a camera that repeats frames, left copied over right",
            "delete the copies; frames that repeat their neighbour teach nothing, and copies in the validation part "
            "make its score too good",
            stored_pictures(equal[0][:2]),
        ),
    )  # fmt: skip


def exposure(footage: Footage) -> Result:
    """No picture is all black or all white, or half burnt out."""
    wrong: list[tuple[str, Picture]] = []
    worst = 0.0
    for picture in footage.pictures:
        levels = 255 * picture.grey.flatten()
        low, high = (float(np.quantile(levels, part)) for part in (0.02, 0.98))
        burnt = float((levels >= BURNT_LEVEL).float().mean())
        worst = max(worst, burnt)
        words = (
            "nearly black" if high < BLACK else "nearly white" if low > WHITE else
            f"{burnt:.0%} burnt out" if burnt > MOST_BURNT else "of one colour" if picture.is_blank else ""
        )  # fmt: skip
        if words:
            wrong.append((words, picture))
    seen = f"{len(footage.pictures)} images, at most {worst:.0%} of one burnt out"
    if not wrong:
        return good(seen)
    words, example = wrong[0]
    share = len(wrong) / len(footage.pictures)
    return bad(
        seen,
        Finding(
            "exposure", "error" if share > HOPELESS else "warning", 100 * share, "% of the images looked at",
            "images that show something",
            f"{len(wrong)} of {len(footage.pictures)} show nothing, for example {example.place}: {words}",
            "a closed lens cap, frames before the exposure settled, a wrong exposure, 16-bit data squeezed into 8 "
            "bits, test cards or fades between scenes",
            "leave these images out (delete them or list the others with --split)",
            strip([named(what, picture) for what, picture in wrong[:4]]),
        ),
    )  # fmt: skip


def missing_partners(footage: Footage) -> Result:
    """Left and right have the same images."""
    if not any(part.source.has_stereo for part in footage.parts):
        return not_looked("one camera only")
    listed = sum(part.report.listed for part in footage.parts)
    alone = sum(part.report.left_out.get(STEREO_MISSING, 0) for part in footage.parts)
    seen = f"{alone} of {listed} listed images without partner"
    if alone <= MOST_WITHOUT_PARTNER * listed:
        return good(seen)
    examples = [part.report.examples.get(STEREO_MISSING, ("",))[0] for part in footage.parts]
    return bad(
        seen,
        Finding(
            "missing_partners", "warning", 100 * alone / listed, "% of the images", "a partner for every image",
            f"{alone} of {listed} have none, for example {max(examples)} is missing",
            "one camera dropped frames or was started later, or names differ between the two folders",
            "check that equal names were taken at the same time: where frames were dropped, numbers may have shifted",
        ),
    )  # fmt: skip
