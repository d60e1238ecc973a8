"""Blocks that keep only their input for the backward pass and compute the rest again, without any change of numbers."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpoint_blocks(network: nn.Module) -> None:
    """Have the blocks of a network recomputed in the backward pass while it trains; names of weights stay.

    A block is a ResNet's bottleneck, a U-Net's pair of convolutions, an up-sampling with its convolution. A network
    that has a switch of its own, an attribute `checkpoint`, is switched instead.
    """
    if hasattr(network, "checkpoint"):
        getattr(network, "network", network).checkpoint = True  # past the wrapper, whose attributes are its own
        return
    for block in blocks_of(network):
        block.forward = _Recomputed(block)


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """Return the blocks of a network, in their order.

    They are the innermost modules of two convolutions or more, and what stands beside such of one convolution and at
    least two other layers.
    """
    parts = _parts(network)
    if any(_convolutions(part) > 1 for part in parts):
        return [block for part in parts for block in blocks_of(part)]
    layers = sum(not any(module.children()) for module in network.modules())
    return [network] if _convolutions(network) > 1 or (_convolutions(network) and layers > 2) else []


def _parts(network: nn.Module) -> list[nn.Module]:
    """The children, and in the place of lists of modules, which have no forward pass, what is in them."""
    lists = (nn.ModuleList, nn.ModuleDict)
    return [part for child in network.children() for part in (_parts(child) if isinstance(child, lists) else [child])]


def _convolutions(network: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())


class _Recomputed:
    """A block's forward pass that is recomputed while the block trains."""

    def __init__(self, block: nn.Module):
        self.block, self.plain = block, block.forward

    def __call__(self, *inputs, **named):
        if not (self.block.training and torch.is_grad_enabled()):
            return self.plain(*inputs, **named)
        return recomputed(self.block, *inputs, forward=self.plain, **named)


def recomputed(block: nn.Module, *inputs, forward=None, **named) -> torch.Tensor:
    """Return block(*inputs), holding on to nothing but the inputs until the backward pass.

    The running statistics of batch normalisation see a batch once, as without recomputation, and dropout draws the
    same pixels both times. `forward` is what is called, if not the block itself.
    """
    forward = forward or block
    if torch.compiler.is_compiling():  # the compiler traces the block once, and decides itself what to recompute
        return checkpoint(forward, *inputs, use_reentrant=False, **named)
    return checkpoint(
        forward,
        *inputs,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), _statistics_spared(block)),
        **named,
    )


@contextmanager
def _statistics_spared(block: nn.Module) -> Iterator[None]:
    """Let the batch normalisations of a block write to copies of their running statistics, then drop the copies."""
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
    kept = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    for norm, buffers in zip(norms, kept, strict=True):
        for name, buffer in buffers.items():
            setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)
