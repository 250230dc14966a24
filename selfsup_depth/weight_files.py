"""Files of weights, read so that no code in them can run and every failure names the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from selfsup_depth.errors import UserError

#: what Monodepth2 and its children keep among the weights of their encoder.pth
ENCODER_FACTS = ("height", "width", "use_stereo", "min_depth_bin", "max_depth_bin")


def read_state_dict(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Named tensors of a .safetensors file or, by any other ending, of a torch file; and its ENCODER_FACTS.

    Raises:
        UserError: when the file is missing, damaged, or holds anything else.
    """
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    return split_state_dict(path, content)


def split_state_dict(path: Path, content: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Content of a file as (name -> tensor, ENCODER_FACTS found among them); `path` is for messages.

    Raises:
        UserError: when there are no tensors, or other things than tensors among them.
    """
    if not isinstance(content, Mapping):
        raise UserError(
            f"{path}: expected a state dict, found {type(content).__name__}; choose a file that holds "
            "the state dict of a network."
        )
    facts = {key: content[key] for key in ENCODER_FACTS if key in content}
    tensors = {key: value for key, value in content.items() if key not in facts}
    wrong = [str(key) for key, value in tensors.items() if not isinstance(value, Tensor)]
    if wrong or not tensors:
        raise UserError(
            f"{path}: expected a state dict (name -> tensor), but "
            + (f"{some(wrong)} is no tensor" if wrong else "it is empty")
            + "; choose a file that holds the state dict of a network and nothing else."
        )
    return tensors, facts


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


def some(names: Iterable[str], first: int = 3) -> str:
    """The first few names and how many there are: "2 (a, b)", "none"."""
    names = list(names)
    if not names:
        return "none"
    return f"{len(names)} ({', '.join(names[:first])}{', ...' if len(names) > first else ''})"


def _check_exists(path: Path) -> None:
    if not path.is_file():
        found = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
        raise UserError(
            f"{path}: this file is missing, its folder has {some(found, first=8)}; copy the whole folder "
            "again, or point at another one."
        )


def _damaged(path: Path, error: Exception) -> UserError:
    # the first line only: what torch goes on to say is how to load the file unsafely
    lines = str(error).strip().splitlines()
    reason = lines[0].split(". ")[0] if lines else type(error).__name__
    return UserError(
        f"{path}: not readable as a file of tensors ({path.stat().st_size} bytes; {reason}); it is damaged "
        "or incomplete: copy or download it again."
    )
