"""Blocks that keep only their input for the backward pass and compute the rest again, without any change of numbers."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(block: nn.Module, *inputs) -> torch.Tensor:
    """Return block(*inputs), holding on to nothing but the inputs until the backward pass.

    The running statistics of batch normalisation see a batch once, as without recomputation.
    """
    if torch.compiler.is_compiling():  # the compiler traces the block once, and decides itself what to recompute
        return checkpoint(block, *inputs, use_reentrant=False, preserve_rng_state=False)
    return checkpoint(
        block,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), _statistics_spared(block)),
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
