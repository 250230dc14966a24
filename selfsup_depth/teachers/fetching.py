"""Where the weights of a teacher lie, or come from; and what to do where neither is so."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.hugging_face import WEIGHT_FILES
from selfsup_depth.teachers.table import TeacherSpec

#: a machine without network shall hear so at once, not after a client's minutes of retries
PROBE_SECONDS = 5.0


class TeacherAbsent(UserError):
    """The weights, or the package that runs them, are not here and cannot be had; nothing is wrong with them."""


def teacher_folder() -> Path:
    """`$SELFSUP_DEPTH_TEACHERS`, else `teachers` in `$SELFSUP_DEPTH_CACHE` or `~/.cache/selfsup_depth`."""
    named = os.environ.get("SELFSUP_DEPTH_TEACHERS")
    cache = os.environ.get("SELFSUP_DEPTH_CACHE") or Path.home() / ".cache" / "selfsup_depth"
    return Path(named) if named else Path(cache) / "teachers"


def find(spec: TeacherSpec) -> Path | None:
    """The file or folder with a teacher's weights in `teacher_folder()` or the Hugging Face cache; None: in neither."""
    for place in _places(spec):
        if place.is_file() or (place / "config.json").is_file():
            return place
    return _cached_repository(spec.hub) if spec.hub else None


def find_or_fetch(name: str, spec: TeacherSpec) -> Path:
    """The file, or the folder in Hugging Face format, with a teacher's weights; downloaded if need be.

    Looked for in `teacher_folder()`, then in the Hugging Face cache.

    Raises:
        UserError: when they are neither there nor to be had; it says what to fetch and where to put it.
    """
    if place := find(spec):
        return place
    reasons: dict[str, None] = {}
    for attempt in _attempts(spec):
        try:
            return attempt()
        except Exception as error:  # each client has errors of its own for what a network can do
            reasons[_first_line(error)] = None
    raise TeacherAbsent(
        f"--distill {name}: its weights are neither in {teacher_folder()} nor in the Hugging Face cache, and cannot "
        f"be downloaded ({'; '.join(reasons)}); fetch on another machine {_by_hand(spec)}."
    )


def _places(spec: TeacherSpec) -> list[Path]:
    names = (spec.file.name if spec.file else None, spec.hub)
    return [teacher_folder() / name for name in names if name]


def _by_hand(spec: TeacherSpec) -> str:
    """What to fetch and where to put it, in words."""
    ways = []
    if spec.hub:
        ways.append(f"the repository huggingface.co/{spec.hub} into the folder {teacher_folder() / spec.hub}")
    if spec.file:
        ways.append(f"{spec.file.url} as {teacher_folder() / spec.file.name}")
    return ", or ".join(ways)


def _attempts(spec: TeacherSpec) -> list[Callable[[], Path]]:
    attempts: list[Callable[[], Path]] = []
    if spec.hub:
        attempts.append(partial(_download_repository, spec.hub))
    if spec.file:
        attempts.append(partial(_download_file, spec.file.url, teacher_folder() / spec.file.name))
    return attempts


def _cached_repository(hub: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(hub, "config.json")
    weights = (try_to_load_from_cache(hub, file) for file in WEIGHT_FILES)
    complete = isinstance(config, str) and any(isinstance(file, str) for file in weights)
    return Path(str(config)).parent if complete else None


def _download_repository(hub: str) -> Path:
    from huggingface_hub import constants, hf_hub_download, is_offline_mode
    from huggingface_hub.errors import RemoteEntryNotFoundError

    if is_offline_mode():
        raise OSError("HF_HUB_OFFLINE is set")
    _probe(constants.ENDPOINT)
    config = hf_hub_download(hub, "config.json")
    for files in (("preprocessor_config.json",), WEIGHT_FILES):
        for file in files:
            try:
                hf_hub_download(hub, file)
                break
            except RemoteEntryNotFoundError:
                continue  # the next name, or none: the reader of the folder says what is missing
    return Path(config).parent


def _download_file(url: str, path: Path) -> Path:
    _probe(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = re.search(r"-([0-9a-f]{8,})\.", path.name)
    torch.hub.download_url_to_file(url, str(path), hash_prefix=digits[1] if digits else None)
    return path


def _probe(url: str) -> None:
    """Raises OSError when the server gives no sign of life within PROBE_SECONDS."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # the server is there; what it says to the real request is for that request to judge


def _first_line(error: Exception) -> str:
    reason = str(getattr(error, "reason", error)).strip().splitlines()
    return reason[0] if reason else type(error).__name__
