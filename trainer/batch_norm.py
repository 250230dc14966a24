"""Batch norms that normalise by the statistics of the whole batch, of which every process has a share."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def synchronise_batch_norms(networks: nn.ModuleDict, device: torch.device) -> None:
    """Replace the batch norms in place; parameters, statistics and names stay.

    On GPUs by torch's own, which computes nowhere else, with timm's converter: torch's loses the activation that is
    part of timm's layers. On the CPU by `SyncedBatchNorm`.
    """
    if device.type == "cpu":
        for place, module in list(networks.named_modules()):
            if isinstance(module, nn.BatchNorm2d):
                parent, _, name = place.rpartition(".")
                networks.get_submodule(parent).register_module(name, SyncedBatchNorm(module))
        return
    from timm.layers import convert_sync_batchnorm  # seconds to import

    for name, network in list(networks.items()):
        networks[name] = convert_sync_batchnorm(network)


class SyncedBatchNorm(nn.BatchNorm2d):
    """A batch norm on the CPU, and what it applies afterwards if it is one of timm's layers (BatchNormAct2d)."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.afterwards = nn.Sequential(*(getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)))
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.afterwards(self._normalised(x) if self.training else super().forward(x))

    def _normalised(self, x: Tensor) -> Tensor:
        values = x.double()  # the mean of squares less the square of the mean cancels in float32
        axes, shape = (0, 2, 3), (1, -1, 1, 1)
        pixels = values.new_tensor([x.numel() / x.shape[1]])
        sums = _SumOverProcesses.apply(torch.cat([values.sum(axes), values.square().sum(axes), pixels]))
        count = sums[-1].detach()
        mean, square = (sums[:-1] / count).chunk(2)
        variance = (square - mean.square()).clamp(min=0)
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        normalised = (values - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """What nn.BatchNorm2d does: a running average; without a momentum, the mean since the beginning."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        weight = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), weight)
        self.running_var.lerp_(variance.to(self.running_var.dtype), weight)


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
