"""Layers that look beyond an image, over the images of all processes: batch normalisation and dropout."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from repro.parallel.processes import Processes, Slice, all_reduce


@dataclass
class Here:
    """The slice that the network is about to see; the trainer sets it before each forward pass."""

    slice: Slice | None = None


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


class _DrawnTogether:
    """Dropout of the whole micro-batch, drawn alike by every process, of which each applies its own rows."""

    here: Here

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (n, ...) features with the mask that one process alone would have given these images."""
        if not self.training:
            return super().forward(features)
        slice, each = self.here.slice, len(features) // len(self.here.slice)  # an image may have come in several parts
        whole = torch.empty_like(features[:1].expand(slice.total * each, *features.shape[1:]), **_layout(features))
        mask = super().forward(whole.fill_(1))
        return features * mask[slice.rows.start * each : slice.rows.stop * each]


def _layout(features: torch.Tensor) -> dict[str, torch.memory_format]:
    """How a tensor like `features` lies in memory, where random numbers are drawn in that order."""
    last = features.dim() == 4 and features.is_contiguous(memory_format=torch.channels_last)
    return {"memory_format": torch.channels_last if last else torch.contiguous_format}


class DropoutTogether(_DrawnTogether, nn.Dropout):
    """Dropout of elements, over all processes."""


class Dropout2dTogether(_DrawnTogether, nn.Dropout2d):
    """Dropout of channels, over all processes."""


DROPOUTS = {nn.Dropout: DropoutTogether, nn.Dropout2d: Dropout2dTogether}
PATHS = ("drop_prob", "_drop_connect_rate")  # what timm's and smp's layers that drop whole paths call its rate
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@contextmanager
def synchronised(network: nn.Module, processes: Processes, device: torch.device, here: Here) -> Iterator[None]:
    """Let the layers of `network` see all processes' images while training; afterwards it is as before.

    Raises:
        ValueError: a batch normalisation or dropout is of another kind, whose forward pass is not known.
    """
    found = [*network.modules()] if processes.size > 1 else []
    layers = [layer for layer in found if isinstance(layer, (_BatchNorm, _DropoutNd))]
    kinds = [type(layer) for layer in layers]
    norm = BatchNormOnGpu if device.type == "cuda" else BatchNormOnCpu
    together = DROPOUTS | dict.fromkeys(BATCH_NORMS, norm)
    alone = [type(layer) for layer in found if any(getattr(layer, rate, 0) for rate in PATHS)]
    if others := {kind.__name__ for kind in (*kinds, *alone) if kind not in together}:
        raise ValueError(f"no way is known to share {', '.join(sorted(others))} between processes; train with one")
    for layer, kind in zip(layers, kinds):  # the class alone: weights, and whoever else holds the layer, stay
        layer.__class__ = together[kind]
        layer.here = here
    try:
        yield
    finally:
        for layer, kind in zip(layers, kinds):
            layer.__class__ = kind
            del layer.here
