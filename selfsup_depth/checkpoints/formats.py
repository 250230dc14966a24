"""Every format a checkpoint folder can have; another one is a file beside this and a line in FORMATS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfsup_depth.checkpoints.atomic import previous_of
from selfsup_depth.checkpoints.checkpoint import Checkpoint
from selfsup_depth.checkpoints.monodepth2 import is_monodepth2_folder, read_monodepth2
from selfsup_depth.checkpoints.own import is_own_checkpoint, read_own_checkpoint
from selfsup_depth.errors import UserError


@dataclass(frozen=True)
class Format:
    """How a kind of checkpoint folder is known and read."""

    recognises: Callable[[Path], bool]  # a format that looks like another one never recognises: ask by name
    read: Callable[[Path, bool], Checkpoint]  # folder, with training state


FORMATS: dict[str, Format] = {
    "selfsup_depth": Format(is_own_checkpoint, read_own_checkpoint),
    "monodepth2": Format(is_monodepth2_folder, read_monodepth2),
}


def load_checkpoint(
    folder: str | Path, *, with_training_state: bool = False, format: str | None = None
) -> Checkpoint:
    """Read a checkpoint folder of any known format, tensors on the CPU.

    Args:
        folder: ours, or an original's (a Monodepth2 `weights_19` with encoder.pth and depth.pth).
        with_training_state: read what is needed to resume, too; only ours have it.
        format: a key of FORMATS; None looks in the folder. Some originals' folders look the same and differ
            in what they mean: those are read only when named.

    Raises:
        UserError: when there is no checkpoint, or it cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise UserError(f"checkpoint format {format!r}: expected one of {', '.join(FORMATS)}.")
    if format is not None:
        return FORMATS[format].read(Path(folder), with_training_state)
    found = find_checkpoint(folder)
    if found is None:
        raise _not_a_checkpoint(Path(folder))
    kind = next(kind for kind in FORMATS.values() if kind.recognises(found))
    return kind.read(found, with_training_state)


def find_checkpoint(folder: str | Path) -> Path | None:
    """The complete checkpoint that `folder` stands for, None if there is none.

    It is `folder` itself, or the one put aside while it was replaced, if a run was killed just then.
    """
    folder = Path(folder)
    if any(kind.recognises(folder) for kind in FORMATS.values()):
        return folder
    previous = previous_of(folder.resolve())
    return previous if not folder.exists() and is_own_checkpoint(previous) else None


def _not_a_checkpoint(folder: Path) -> UserError:
    if not folder.is_dir():
        return UserError(f"{folder}: there is no such folder; give the folder of a checkpoint.")
    marks = [*folder.glob("*/checkpoint.json"), *folder.glob("*/depth.pth")]
    below = sorted({mark.parent.name for mark in marks})
    advice = f"point at one of its folders: {', '.join(below)}" if below else "give a checkpoint's folder"
    return UserError(
        f"{folder}: not a checkpoint: neither checkpoint.json nor Monodepth2's encoder.pth and depth.pth are "
        f"in it; {advice}."
    )
