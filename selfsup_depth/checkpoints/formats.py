"""Every format a checkpoint folder can have; another original is a file beside this and a line in ORIGINALS."""

from __future__ import annotations

from pathlib import Path

from selfsup_depth.checkpoints.atomic import previous_of
from selfsup_depth.checkpoints.checkpoint import Checkpoint
from selfsup_depth.checkpoints.distdepth import DISTDEPTH, POSE_ENCODER
from selfsup_depth.checkpoints.monodepth2 import MONODEPTH2
from selfsup_depth.checkpoints.originals import (
    OriginalFolder,
    System,
    describe,
    is_original_folder,
    read_original_folder,
)
from selfsup_depth.checkpoints.own import is_own_checkpoint, read_own_checkpoint
from selfsup_depth.errors import UserError

OWN = "selfsup_depth"
#: systems whose folders have the same files and keys, and weights that mean different things
ORIGINALS: dict[str, System] = {"monodepth2": MONODEPTH2, "distdepth": DISTDEPTH}
FORMATS = (OWN, *ORIGINALS)
_MARKS = ("checkpoint.json", "depth.pth")


def load_checkpoint(
    folder: str | Path, *, with_training_state: bool = False, format: str | None = None
) -> Checkpoint:
    """Read a checkpoint folder of any known format, tensors on the CPU.

    Args:
        folder: ours, or an original's (a `weights_19` of Monodepth2 or DistDepth with encoder.pth and depth.pth).
        with_training_state: read what is needed to resume, too; only ours have it.
        format: one of FORMATS; None looks in the folder, and `meta.origin` says what was seen there.

    Raises:
        UserError: when there is no checkpoint, or it cannot be read, or its files cannot tell whose they are.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"--weights_format {format}: expected one of {', '.join(FORMATS)}.")
    found = find_checkpoint(folder)
    if found is None:
        raise _not_a_checkpoint(Path(folder))
    if format == OWN and not is_own_checkpoint(found):
        raise UserError(
            f"{found}: --weights_format {OWN} was asked for, but there is no checkpoint.json; leave the option out."
        )
    if format == OWN or (format is None and is_own_checkpoint(found)):
        return read_own_checkpoint(found, with_training_state)
    if with_training_state:
        raise UserError(
            f"{found}: the originals' folders have no schedule, step or random state, so training cannot be "
            "resumed from it; start from its weights with --load_weights_folder instead."
        )
    original = read_original_folder(found)
    system, origin = _asked_for(original, format) if format else _recognised(original)
    return Checkpoint(describe(original, system, origin), original.states, None, found)


def find_checkpoint(folder: str | Path) -> Path | None:
    """The complete checkpoint that `folder` stands for, None if there is none.

    It is `folder` itself, or the one put aside while it was replaced, if a run was killed just then.
    """
    folder = Path(folder)
    if is_own_checkpoint(folder) or is_original_folder(folder):
        return folder
    previous = previous_of(folder.resolve())
    return previous if not folder.exists() and is_own_checkpoint(previous) else None


def _asked_for(folder: OriginalFolder, format: str) -> tuple[System, str]:
    system = ORIGINALS[format]
    against = [f"{each.name} ({seen})" for each, seen in _evidence(folder) if each is not system]
    doubt = f", although it looks like one of {against[0]}" if against else ""
    return system, f"read as a checkpoint of {system.name}, as asked for{doubt}"


def _recognised(folder: OriginalFolder) -> tuple[System, str]:
    """Whose a folder is, and a sentence that says so; UserError where a guess could be wrong unnoticed."""
    evidence = _evidence(folder)
    if len(evidence) > 1:
        raise _unclear(folder, " and ".join(f"for {system.name} speaks that {seen}" for system, seen in evidence))
    if evidence:
        system, seen = evidence[0]
        return system, f"read as a checkpoint of {system.name}: {seen}"
    pose_encoder = folder.pose.encoder if folder.pose else None
    if pose_encoder not in (None, folder.encoder, POSE_ENCODER):
        raise _unclear(folder, f"neither of them puts a {pose_encoder} for poses beside a {folder.encoder} for depth")
    return MONODEPTH2, (
        f"taken for a checkpoint of {MONODEPTH2.name}, since nothing in it speaks for {DISTDEPTH.name}, whose "
        "folders look alike (--weights_format distdepth reads it as one)"
    )


def _evidence(folder: OriginalFolder) -> list[tuple[System, str]]:
    return [(system, seen) for system in ORIGINALS.values() if (seen := system.evidence(folder))]


def _unclear(folder: OriginalFolder, why: str) -> UserError:
    return UserError(
        f"{folder.path}: cannot be told to be of {' or '.join(each.name for each in ORIGINALS.values())}, whose "
        f"weights look alike and mean different depths: {why}; say which it is with --weights_format "
        f"{' or '.join(ORIGINALS)}."
    )


def _not_a_checkpoint(folder: Path) -> UserError:
    if folder.is_file():
        return UserError(f"{folder}: is a file; give the folder of a checkpoint, for example {folder.parent}.")
    if not folder.is_dir():
        return UserError(f"{folder}: there is no such folder; give the folder of a checkpoint.")
    # one level down from a run's models/, two from the run
    marks = [mark for level in ("*", "*/*") for file in _MARKS for mark in folder.glob(f"{level}/{file}")]
    below = sorted({str(mark.parent.relative_to(folder)) for mark in marks})
    advice = f"point at one of its folders: {', '.join(below)}" if below else "give a checkpoint's folder"
    return UserError(
        f"{folder}: not a checkpoint: neither checkpoint.json nor an original's encoder.pth and depth.pth are "
        f"in it; {advice}."
    )
