"""A checkpoint in memory, whatever format it came in, and how it gets into networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from selfsup_depth.checkpoints.meta import CheckpointMeta
from selfsup_depth.errors import UserError
from selfsup_depth.weight_files import some


@dataclass(frozen=True)
class Checkpoint:
    """Weights of named networks, and what they are."""

    meta: CheckpointMeta
    state_dicts: Mapping[str, Mapping[str, Tensor]]  # network -> key -> tensor, on the CPU
    training_state: Mapping[str, Any] | None  # None unless asked for
    folder: Path


def load_into(
    networks: nn.ModuleDict | Mapping[str, nn.Module],
    checkpoint: Checkpoint,
    models_to_load: Sequence[str] | None = None,
) -> None:
    """Load a checkpoint's weights into networks of the same names: all that are asked for, or none.

    The weights of a depth decoder fit whichever way it upsamples, but mean something else: that has to
    agree, too.

    Args:
        networks: of a method; those that are not to be loaded stay as they are.
        models_to_load: names of networks; None means every one in `networks`.

    Raises:
        UserError: when a name is in neither, or keys, shapes or the upsampling differ; every difference is
            named before anything is changed.
    """
    names = list(networks.keys()) if models_to_load is None else list(models_to_load)
    _check_names(names, list(networks.keys()), checkpoint)
    complaints = [
        f"{name}: {difference}"
        for name in names
        for difference in (
            _difference(bare(networks[name]), checkpoint.state_dicts[name]),
            _other_upsampling(bare(networks[name]), checkpoint.meta) if name == "depth" else None,
        )
        if difference
    ]
    if complaints:
        meta = checkpoint.meta
        raise UserError(
            f"{checkpoint.folder}: the weights do not fit the networks: {' | '.join(complaints)} | the "
            f"checkpoint is {meta.method} with encoder {meta.encoder}, pose encoder {meta.pose_encoder} and "
            f"scales {' '.join(map(str, meta.scales))}: choose the same, or name fewer networks in "
            "--models_to_load."
        )
    for name in names:
        network = bare(networks[name])
        network.load_state_dict({**network.state_dict(), **checkpoint.state_dicts[name]})


def bare(network: nn.Module) -> nn.Module:
    """The module that a compiled one wraps, whose keys have no `_orig_mod.` before them."""
    inner = getattr(network, "_orig_mod", network)
    return inner if isinstance(inner, nn.Module) else network


def _check_names(names: Sequence[str], own: Sequence[str], checkpoint: Checkpoint) -> None:
    foreign = [name for name in names if name not in own]
    if foreign:
        raise UserError(
            f"--models_to_load {' '.join(names)}: the method has no {', '.join(foreign)}; it has "
            f"{', '.join(own)}."
        )
    absent = [name for name in names if name not in checkpoint.state_dicts]
    if absent:
        raise UserError(
            f"{checkpoint.folder}: has no weights for {', '.join(absent)}, only for "
            f"{', '.join(checkpoint.state_dicts)}; name in --models_to_load those to load, and the others "
            "start anew."
        )


def _difference(network: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    own = network.state_dict()
    # files written before PyTorch 0.4.1 do not count batches, and nothing depends on the count
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    misshapen = [key for key in state if key in own and own[key].shape != state[key].shape]
    if not missing and not unexpected and not misshapen:
        return None
    first = next((key for key in own if own[key].dim() == 4), "")
    if misshapen == [first] and (images := _images(own[first], state[first])):
        return (
            f"its first convolution ({first}) is made for {images[1]} stacked image(s) in the checkpoint and "
            f"for {images[0]} here (--frame_ids and --pose_model_input decide that)"
        )
    shapes = [f"{key} is {tuple(state[key].shape)}, here {tuple(own[key].shape)}" for key in misshapen]
    return f"missing {some(missing)}; unexpected {some(unexpected)}; of another shape {some(shapes)}"


def _other_upsampling(depth: nn.Module, meta: CheckpointMeta) -> str | None:
    upsample = getattr(depth, "upsample", meta.upsample)
    if upsample == meta.upsample:
        return None
    return f"its features are upsampled {meta.upsample} in the checkpoint and {upsample} here (--upsample decides that)"


def _images(own: Tensor, stored: Tensor) -> tuple[int, int] | None:
    """Images a first convolution takes, here and in the checkpoint; None if the shapes say something else."""
    if own.dim() != 4 or stored.dim() != 4 or own.shape[1] % 3 or stored.shape[1] % 3:
        return None
    same = own.shape[0] == stored.shape[0] and own.shape[2:] == stored.shape[2:]
    return (own.shape[1] // 3, stored.shape[1] // 3) if same else None
