"""Files of tensors, read so that no code in them can run and every failure names the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from selfsup_depth.errors import UserError


def read_torch(path: Path) -> Any:
    """Content of a `torch.save` file, zip or legacy, tensors on the CPU.

    Raises:
        UserError: when it is missing, damaged, or asks for anything but tensors and plain values.
    """
    _check_exists(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever the parser stumbles over
        blocked = re.search(r"GLOBAL ([\w.]+)", str(error))
        if blocked:
            raise UserError(
                f"{path}: expected tensors and plain values, found a Python object ({blocked.group(1)}); it "
                "was not loaded, since loading it could run code; if you trust its author, ask for a file "
                "with the plain state dict."
            ) from error
        raise _damaged(path, error) from error


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors file.

    Raises:
        UserError: when it is missing or damaged.
    """
    _check_exists(path)
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:
        raise _damaged(path, error) from error


def _check_exists(path: Path) -> None:
    if not path.is_file():
        found = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
        raise UserError(
            f"{path}: this file of the checkpoint is missing (the folder has "
            f"{', '.join(found) or 'nothing'}); copy the whole checkpoint folder, or point at another one."
        )


def _damaged(path: Path, error: Exception) -> UserError:
    # the first line only: what torch goes on to say is how to load the file unsafely
    lines = str(error).strip().splitlines()
    reason = lines[0].split(". ")[0] if lines else type(error).__name__
    return UserError(
        f"{path}: not readable as a file of tensors ({path.stat().st_size} bytes; {reason}); it is damaged "
        "or incomplete: copy or download it again."
    )
