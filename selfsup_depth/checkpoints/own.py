"""Our format: one self-describing folder.

`checkpoint.json` (a CheckpointMeta and the size of every file), `<network>.safetensors` for each network,
and `training_state.pt` for resuming.
"""

from __future__ import annotations

import io
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from selfsup_depth.checkpoints.atomic import replace_folder
from selfsup_depth.checkpoints.checkpoint import Checkpoint, bare
from selfsup_depth.checkpoints.meta import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import read_safetensors, read_torch

DESCRIPTION = "checkpoint.json"
TRAINING_STATE = "training_state.pt"
_WEIGHTS = ".safetensors"
_PLAIN = (bool, int, float, str, bytes, type(None))


def is_own_checkpoint(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file()


def save_checkpoint(
    folder: str | Path,
    networks: Mapping[str, nn.Module],
    meta: CheckpointMeta,
    training_state: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint folder; whatever happens, the old or the new one is there afterwards, complete.

    Args:
        folder: is created, or replaced if it is a checkpoint.
        networks: name -> module; compiled modules are stored as what they compile.
        training_state: what is needed to go on (optimiser, schedule, random states, ...), made of dicts,
            lists, tuples, tensors and plain values only, since nothing else can be read back safely.

    The content is put together in memory first, so that a full disk is noticed before anything is touched
    and the message can say how much is needed.

    Raises:
        UserError: when `folder` is something else than a checkpoint, or cannot be written.
        TypeError: when `training_state` holds anything that is not plain.
    """
    folder = Path(folder)
    if folder.exists() and not is_own_checkpoint(folder) and not _is_empty_folder(folder):
        raise UserError(
            f"{folder}: exists and is not a checkpoint of this library, so it is not replaced; choose "
            "another --log_dir or --model_name."
        )
    files = {}
    for name, network in networks.items():
        if not re.fullmatch(r"\w+", name):
            raise ValueError(
                f"a network's name becomes a file name: letters, digits and _ only, not {name!r}"
            )
        files[name + _WEIGHTS] = safetensors.torch.save(_storable(bare(network).state_dict()))
    if training_state is not None:
        check_plain(training_state, "training_state")
        buffer = io.BytesIO()
        torch.save(dict(training_state), buffer)
        files[TRAINING_STATE] = buffer.getvalue()
    description = {
        "meta": meta.to_json(),
        "files": {name: len(content) for name, content in files.items()},
    }
    files[DESCRIPTION] = json.dumps(description, indent=2).encode()
    replace_folder(folder, files)


def read_own_checkpoint(folder: Path, with_training_state: bool = False) -> Checkpoint:
    """What `save_checkpoint` wrote.

    Raises:
        UserError: when a file is missing, of another size than when written, or damaged.
    """
    path = folder / DESCRIPTION
    try:
        description = json.loads(path.read_text())
        values, sizes = dict(description["meta"]), dict(description["files"])
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: not readable as a checkpoint description ({error}); copy it again."
        ) from error
    meta = CheckpointMeta.from_json(values, str(path))
    for name, size in sizes.items():
        _check_size(folder / name, size)
    if with_training_state and TRAINING_STATE not in sizes:
        raise UserError(
            f"{folder}: was saved without a training state, so training cannot be resumed from it; start "
            "from its weights with --load_weights_folder instead."
        )
    names = [name.removesuffix(_WEIGHTS) for name in sizes if name.endswith(_WEIGHTS)]
    return Checkpoint(
        meta=meta,
        state_dicts={name: read_safetensors(folder / f"{name}{_WEIGHTS}") for name in names},
        training_state=read_torch(folder / TRAINING_STATE) if with_training_state else None,
        folder=folder,
    )


def check_plain(value: Any, name: str) -> None:
    """Raise TypeError, naming the place, unless `value` can be read back with `weights_only`."""
    if isinstance(value, Tensor) or type(value) in _PLAIN:
        return
    # type(), not isinstance(): numpy's float64 is a float to isinstance, and is refused on loading
    if isinstance(value, Mapping) and type(value) in (dict, OrderedDict):
        for key, entry in value.items():
            check_plain(key, f"key {key!r} of {name}")
            check_plain(entry, f"{name}[{key!r}]")
    elif type(value) in (list, tuple):
        for index, entry in enumerate(value):
            check_plain(entry, f"{name}[{index}]")
    else:
        raise TypeError(f"{name} is a {type(value).__module__}.{type(value).__qualname__}, not a plain value")


def _storable(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, none of which shares memory with another."""
    seen: set[int] = set()
    storable = {}
    for key, value in state.items():
        tensor = value.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        storable[key] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return storable


def _check_size(path: Path, size: int) -> None:
    if path.is_file() and path.stat().st_size != size:
        raise UserError(
            f"{path}: has {path.stat().st_size} bytes, but {size} were written; it is damaged or incomplete: "
            "copy it again."
        )
    if not path.is_file() and path.name != TRAINING_STATE:
        raise UserError(f"{path}: this file of the checkpoint is missing; copy the whole folder again.")


def _is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
