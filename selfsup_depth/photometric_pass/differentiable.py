"""The pass as a differentiable function of depth, motions and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from geometry.projection import PixelMotion
from selfsup_depth.compiling import compiled_for_each_size
from selfsup_depth.photometric_pass.one_pass import (
    PassGradients,
    PassResult,
    PassSettings,
    photometric_pass,
    unwarped_errors,
)
from selfsup_depth.photometric_pass.scene import MARGIN, Scene, with_margin


class PhotometricPass:
    """`photometric_pass` for training; compiled on wish."""

    def __init__(self, settings: PassSettings, *, compiled: bool = False) -> None:
        self.settings = settings
        self._pass: Callable[..., Any] = photometric_pass
        self._unwarped: Callable[..., Tensor] = unwarped_errors
        if compiled:
            self._pass = compiled_for_each_size(photometric_pass)
            self._unwarped = compiled_for_each_size(unwarped_errors)

    @torch.no_grad()
    def unwarped(self, scene: Scene) -> Tensor:
        """[N, B, H, W] errors of the sources as they are."""
        return torch.cat([self._unwarped(part, self.settings) for _, part in _parts(scene)], dim=1)

    def __call__(self, depth: Tensor, motion: PixelMotion, scene: Scene, mask: Tensor | None = None) -> PassResult:
        """Differentiable once, in depth [B, 1, H, W], motion and mask [N, B, H, W]; see `photometric_pass`."""
        inputs = (depth[:, 0], motion.D, motion.e, mask)
        with_gradient = torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)

        def run(depth: Tensor, D: Tensor, e: Tensor, mask: Tensor | None) -> tuple[PassResult, PassGradients | None]:
            depth = with_margin(depth)
            mask = None if mask is None else F.pad(mask, (MARGIN - 1,) * 4)
            found = []
            for images, part in _parts(scene):
                look = PixelMotion(D[:, images], e[:, images])
                seen_through = None if mask is None else mask[:, images]
                found.append(self._pass(depth[images], look, seen_through, part, self.settings, with_gradient))
            results, gradients = zip(*found, strict=True)
            return _joined(results), _joined_gradients(gradients) if with_gradient else None

        return PassResult(*_Differentiable.apply(run, *inputs))


class _Differentiable(torch.autograd.Function):
    """A function that says its result, of which the first is differentiable, and its gradients."""

    @staticmethod
    def forward(ctx: Any, run: Callable[..., Any], *inputs: Tensor | None) -> tuple[Tensor, ...]:
        result, gradients = run(*inputs)
        ctx.save_for_backward(*(gradients or ()))
        ctx.mark_non_differentiable(*result[1:])
        return tuple(result)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradients = PassGradients(*ctx.saved_tensors)
        per_image = upstream[0][:, None]
        per_pixel = per_image[..., None]
        to_mask = None if gradients.mask is None else gradients.mask * per_pixel
        return None, gradients.depth * per_pixel, gradients.D * per_pixel, gradients.e * per_image, to_mask


def _parts(scene: Scene) -> Iterator[tuple[slice, Scene]]:
    """The images of a batch that go through together: all, or on a CPU one, whose maps stay in its caches."""
    batch = scene.sources.shape[2]
    if scene.sources.device.type != "cpu" or batch == 1:
        yield slice(None), scene
        return
    for index in range(batch):
        yield slice(index, index + 1), scene.image(index)


def _joined(results: tuple[PassResult, ...]) -> PassResult:
    return results[0] if len(results) == 1 else PassResult(*(torch.cat(each) for each in zip(*results, strict=True)))


def _joined_gradients(gradients: tuple[PassGradients, ...]) -> PassGradients:
    if len(gradients) == 1:
        return gradients[0]
    masks = [each.mask for each in gradients if each.mask is not None]
    return PassGradients(
        depth=torch.cat([each.depth for each in gradients]),
        D=torch.cat([each.D for each in gradients], dim=1),
        e=torch.cat([each.e for each in gradients], dim=1),
        mask=torch.cat(masks, dim=1) if masks else None,
    )
