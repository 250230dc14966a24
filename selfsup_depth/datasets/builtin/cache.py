"""Rendered folders, made once and kept: complete and valid, or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from selfsup_depth.datasets.builtin.pool import default_workers, run_all
from selfsup_depth.errors import UserError

MANIFEST = "manifest.json"


def default_cache_dir() -> Path:
    """`$SELFSUP_DEPTH_CACHE`, else `~/.cache/selfsup_depth`."""
    named = os.environ.get("SELFSUP_DEPTH_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "selfsup_depth"


def ensure_folder(
    cache_dir: Path | None, name: str, parameters: Mapping[str, object], render: Callable[[Path], None]
) -> Path:
    """The folder `cache_dir / name`, made by `render(folder)` unless a valid one is there.

    `render` writes into a sibling, which takes the name in one step at the end and after its manifest is
    written: a rendering that was killed never looks like a finished one.

    Raises UserError when `cache_dir` cannot be made or written.
    """
    parent = default_cache_dir() if cache_dir is None else Path(cache_dir)
    final = parent / name
    if is_valid(final, parameters):
        return final
    partial = _make_partial(parent, name)
    try:
        render(partial)
        (partial / MANIFEST).write_text(json.dumps(dict(parameters), indent=1, sort_keys=True) + "\n")
        _publish(partial, final, parameters)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def render_frames(
    render_frame: Callable[[int], None], frames: int, workers: int | None, *, of: str, forget: Callable[[], None]
) -> None:
    """Call `render_frame` (picklable) for frames 0 to `frames` - 1, the last thing that a folder's `render` does.

    `workers` is the number of processes (None: one per core, at most 8), `of` what the progress bar calls it.
    `forget` lets go of the scene that this process kept between frames.
    """
    run_all(
        render_frame,
        range(frames),
        workers=default_workers() if workers is None else workers,
        description=f"Rendering the built-in {of}",
    )
    forget()


def is_valid(folder: Path, parameters: Mapping[str, object]) -> bool:
    """Whether the folder's manifest says just these parameters."""
    try:
        return bool(json.loads((folder / MANIFEST).read_text()) == dict(parameters))
    except (OSError, ValueError):
        return False


def _make_partial(parent: Path, name: str) -> Path:
    """An empty sibling of the folder to be, which shows before the work that the cache can be written."""
    partial = parent / f".{name}.partial-{socket.gethostname()}-{os.getpid()}"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent, name)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
    except OSError as error:
        raise UserError(
            f"The built-in footage is rendered into the cache folder {parent}, which cannot be written "
            f"({error.strerror}): name a folder that can be written in the environment variable SELFSUP_DEPTH_CACHE."
        ) from error
    return partial


def _publish(partial: Path, final: Path, parameters: Mapping[str, object]) -> None:
    if final.exists() and not is_valid(final, parameters):
        shutil.rmtree(final)
    try:
        os.replace(partial, final)
    except OSError:
        if not is_valid(final, parameters):  # valid: another process rendered the same meanwhile
            raise


def _remove_abandoned(parent: Path, name: str) -> None:
    """Clears what processes of this machine that no longer live have left behind."""
    prefix = f".{name}.partial-{socket.gethostname()}-"
    for left in parent.glob(prefix + "*"):
        number = left.name.removeprefix(prefix)
        if number.isdigit() and not _alive(int(number)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
