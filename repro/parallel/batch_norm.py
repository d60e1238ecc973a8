"""Batch normalisation over the images of all processes; torch's own refuses tensors on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from repro.parallel.processes import Processes, all_reduce

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; each one's share has the sum of all their gradients."""

    @staticmethod
    def forward(context, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        all_reduce(total)
        return total


class BatchNormOnCpu(_BatchNorm):
    """Any of torch's batch normalisations, in training with mean and variance over all processes."""

    def _check_input_dim(self, features: torch.Tensor) -> None:
        assert features.dim() >= 2

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (n, C, ...) normalised features of this process's images; half precision is computed in single."""
        if not self.training:
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            half = features.dtype in (torch.float16, torch.bfloat16)
            return self._normalise(features.float() if half else features).to(features.dtype)

    def _normalise(self, features: torch.Tensor) -> torch.Tensor:
        others = [0, *range(2, features.dim())]
        shape = (1, -1, *[1] * (features.dim() - 2))
        here = features.new_tensor([features.numel() / features.shape[1]])
        total = _Sum.apply(torch.cat([features.sum(others), here]))
        count, mean = total[-1].detach(), total[:-1] / total[-1].detach()
        if count < 2:
            raise ValueError(f"expected more than 1 value per channel when training, got {int(count)}")
        centred = features - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(others)) / count  # in two passes: a difference of squares cancels
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * count / (count - 1))
        normalised = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            normalised = normalised * self.weight.view(shape)
        return normalised if self.bias is None else normalised + self.bias.view(shape)

    def _follow(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Move the running statistics towards those of a batch, as torch does."""
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class BatchNormOnGpu(nn.SyncBatchNorm):
    """torch's own, over all processes."""

    process_group = None


@contextmanager
def synchronised(network: nn.Module, processes: Processes, device: torch.device) -> Iterator[None]:
    """Let every batch normalisation of `network` see all processes' images while training; afterwards it is as before.

    Raises:
        ValueError: a layer is a batch normalisation of another kind, whose forward pass is not known.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)] if processes.size > 1 else []
    kinds = [type(layer) for layer in layers]
    if others := {kind.__name__ for kind in kinds if kind not in PLAIN}:
        raise ValueError(f"no way is known to share {', '.join(sorted(others))} between processes; train with one")
    for layer in layers:  # the class alone: weights, statistics, and whoever else holds the layer, stay as they are
        layer.__class__ = BatchNormOnGpu if device.type == "cuda" else BatchNormOnCpu
    try:
        yield
    finally:
        for layer, kind in zip(layers, kinds):
            layer.__class__ = kind
