"""What a decoder asks of an encoder's pyramid of features."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from selfsup_depth.errors import UserError

_STRIDES = (1, 2, 4, 8, 16, 32)


def check_pyramid(channels: Sequence[int], reductions: Sequence[int]) -> None:
    """Raise UserError unless the strides are ascending powers of two up to 32, with a channel count each."""
    ascending = sorted(set(reductions) & set(_STRIDES))
    if len(channels) != len(reductions) or list(reductions) != ascending or not ascending[-1:] > [1]:
        raise UserError(
            f"a depth decoder needs features at ascending strides out of {_STRIDES}, with a channel count "
            f"each; found strides {tuple(reductions)} and channels {tuple(channels)}; choose another encoder."
        )


def skip_places(reductions: Sequence[int]) -> dict[int, int | None]:
    """Stage -> place of the feature of its size, 1/2^stage, among the encoder's; None where there is none.

    The published decoder joins nothing at full size, so stage 0 has none.
    """
    stages = reductions[-1].bit_length() - 1
    places = {stride: place for place, stride in enumerate(reductions)}
    return {stage: places.get(2**stage) if stage > 0 else None for stage in range(stages)}


def check_sizes(features: Sequence[Tensor], skips: dict[int, int | None]) -> None:
    """Raise UserError unless doubling the deepest feature leads exactly to the sizes of the others.

    `skips` is what `skip_places` returned. The deepest feature must be 2 x 2 at least, for its borders to
    be reflected.
    """
    height, width = features[-1].shape[-2:]
    stride = 2 ** len(skips)
    for stage, skip in skips.items():
        factor = stride // 2**stage
        if skip is not None and features[skip].shape[-2:] != (factor * height, factor * width):
            raise UserError(
                f"the image's sides must be multiples of {stride}: feature {skip} is "
                f"{tuple(features[skip].shape[-2:])} where {(factor * height, factor * width)} was expected; "
                "choose another --height and --width."
            )
    if min(height, width) < 2:
        raise UserError(f"the image is too small: --height and --width must be at least {2 * stride}.")
