"""Weight files of teachers: loaded strictly, and told apart by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import read_torch, some

_DIGITS = 16


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named float32 tensors of a file of isl-org, on the CPU; no code in it is run.

    A training checkpoint (one with the key "optimizer") keeps its weights under "model".

    Raises:
        UserError: when the file is missing, damaged, or holds anything but named tensors.
    """
    content = read_torch(path)
    if isinstance(content, Mapping) and "optimizer" in content:
        content = content.get("model")
    if not isinstance(content, Mapping) or not content:
        raise _no_state_dict(path, type(content).__name__)
    odd = [f"{key}: {type(value).__name__}" for key, value in content.items() if not isinstance(value, Tensor)]
    if odd:
        raise _no_state_dict(path, f"entries that are no tensors, {some(odd)}")
    return {str(key): value.float() if value.is_floating_point() else value for key, value in content.items()}


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, title: str) -> None:
    """Give a module (it may be on the meta device) exactly these tensors, without copying them.

    Raises:
        UserError: naming `path`, when keys or shapes are not those of the module.
    """
    own = {key: value.shape for key, value in module.state_dict().items()}
    missing = [key for key in own if key not in tensors]
    unexpected = [key for key in tensors if key not in own]
    misshapen = [
        f"{key} {tuple(value.shape)} for {tuple(own[key])}"
        for key, value in tensors.items()
        if key in own and own[key] != value.shape
    ]
    if missing or unexpected or misshapen:
        raise wrong_weights(path, title, missing, unexpected, misshapen)
    module.load_state_dict(tensors, assign=True)


def wrong_weights(
    path: Path, title: str, missing: Iterable[str], unexpected: Iterable[str], misshapen: Iterable[str]
) -> UserError:
    """The error for weights that belong to another network than `title`."""
    return UserError(
        f"{path}: expected the weights of {title}, found others: missing {some(missing)}; unexpected "
        f"{some(unexpected)}; of another shape {some(misshapen)}; download the file again, or choose the "
        "teacher it was made for."
    )


def content_hash(files: Iterable[Path]) -> str:
    """Digits that change with the content of the files, not with their place."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.name):
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:_DIGITS]


def _no_state_dict(path: Path, found: str) -> UserError:
    return UserError(
        f"{path}: expected a teacher's state dict (name -> tensor), found {found}; point at a checkpoint file "
        "as its authors published it."
    )
