"""Start values of an encoder from a local file: read safely, fitted strictly."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError

#: entries that are no weights but that Monodepth2 and ManyDepth keep in the same file
_EXTRAS = ("height", "width", "use_stereo", "min_depth_bin", "max_depth_bin")
_PREFIX = "encoder."


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a .pth or .safetensors file; no code in it is run.

    Monodepth2's `encoder.` before every key and its extra entries are taken off.

    Raises:
        UserError: when the file is missing, damaged, or holds more than named tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"--weights_init {path}: there is no such file; give a .pth or .safetensors file, "
            "'pretrained' or 'scratch'."
        )
    try:
        if path.suffix == ".safetensors":
            content = safetensors.torch.load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever the parser stumbles over
        blocked = re.search(r"GLOBAL (\S+)", str(error))
        why = f"it asks for {blocked.group(1)}, which is refused" if blocked else "damaged or incomplete"
        raise UserError(
            f"--weights_init {path}: not readable as a file of tensors ({why}); fetch the file again or "
            "save its state dict anew with plain tensors."
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"--weights_init {path}: expected a state dict, found {type(content).__name__}.")
    content = {key: value for key, value in content.items() if key not in _EXTRAS}
    wrong = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if wrong or not content:
        raise UserError(
            f"--weights_init {path}: expected a state dict (name -> tensor), but "
            + (f"{some(wrong)} is no tensor." if wrong else "it is empty.")
        )
    if all(key.startswith(_PREFIX) for key in content):
        content = {key.removeprefix(_PREFIX): value for key, value in content.items()}
    return content


def load_weights(
    module: nn.Module, tensors: dict[str, Tensor], source: str, *, unused: str, dropped: Collection[str] = ()
) -> None:
    """Load tensors into a module; every weight that matters must be there, and nothing unknown.

    Args:
        source: where the tensors come from, for messages.
        unused: keys of the module that start so need not fit, as nothing is computed from them.
        dropped: keys that may be in `tensors` although the module has no place for them.

    Raises:
        UserError: naming the first missing, unexpected or misshapen keys.
    """
    own = module.state_dict()
    tensors = {key: spread_over_images(value, own.get(key)) for key, value in tensors.items()}
    tensors = {
        key: value
        for key, value in tensors.items()
        if key not in dropped and not (key.startswith(unused) and _shape(own.get(key)) != value.shape)
    }
    # files written before PyTorch 0.4.1 do not count batches, and nothing depends on the count
    optional = [key for key in own if key.startswith(unused) or key.endswith("num_batches_tracked")]
    missing = [key for key in own if key not in tensors and key not in optional]
    unexpected = [key for key in tensors if key not in own]
    misshapen = [
        f"{key} {tuple(value.shape)} for {tuple(own[key].shape)}"
        for key, value in tensors.items()
        if key in own and own[key].shape != value.shape
    ]
    if missing or unexpected or misshapen:
        raise UserError(
            f"--weights_init {source}: these weights belong to another network: missing {some(missing)}; "
            f"unexpected {some(unexpected)}; of another shape {some(misshapen)}; choose the encoder they "
            "were made for, other weights, or --weights_init scratch."
        )
    module.load_state_dict({**own, **tensors})


def spread_over_images(weight: Tensor, own: Tensor | None) -> Tensor:
    """A first convolution `[out, 3, k, k]` for n images: n copies divided by n, if `own` takes 3 n channels.

    The response to n equal images is then the response to one.
    """
    if own is None or weight.dim() != 4 or own.dim() != 4 or weight.shape[1] != 3 or own.shape[1] % 3:
        return weight
    in_images = own.shape[1] // 3
    return weight.repeat(1, in_images, 1, 1) / in_images


def some(names: Iterable[str], first: int = 3) -> str:
    """The first few names and how many there are: "2 (a, b)", "none"."""
    names = list(names)
    if not names:
        return "none"
    return f"{len(names)} ({', '.join(names[:first])}{', ...' if len(names) > first else ''})"


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
