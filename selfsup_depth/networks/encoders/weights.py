"""Start values of an encoder from a local file: read safely, fitted strictly."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import read_state_dict, some

_PREFIX = "encoder."


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a .pth or .safetensors file; no code in it is run.

    Monodepth2's `encoder.` before every key and what else it keeps in its encoder.pth are taken off.

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
        tensors, _ = read_state_dict(path)
    except UserError as error:
        raise UserError(f"--weights_init {error}") from error
    if all(key.startswith(_PREFIX) for key in tensors):
        tensors = {key.removeprefix(_PREFIX): value for key, value in tensors.items()}
    return tensors


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


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
