"""What the rest of the house knows of an encoder: its features, their channels and their strides."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module):
    """Images in, a pyramid of features out, finest first.

    `channels[i]` and `reductions[i]` describe feature i, which is `[B, channels[i], H / reductions[i],
    W / reductions[i]]`; reductions are distinct powers of two up to 32, ascending. `in_images` images are
    stacked along the channels (more than one for a pose network). Normalisation of the pixel values is the
    encoder's own business and happens inside `forward`.
    """

    channels: tuple[int, ...]
    reductions: tuple[int, ...]
    in_images: int

    @abstractmethod
    def recompute_activations(self) -> None:
        """From now on keep only what lies between blocks, and compute the rest again in the backward pass."""

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Features of images `[B, 3 * in_images, H, W]` in [0, 1]; H and W multiples of 32."""
